// The look of a report: light and dark by the reader's system, colours told apart also by those who see few of them.

export const STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1b1f24;--soft:#5d6670;--line:#e3e6e9;--grid:#eceef0;
--good:#0a7a42;--good-bg:#e3f4ea;--bad:#b3261e;--bad-bg:#fdeceb;--heat-colour:26,95,190;--on-heat:#fff;
--c0:#2166d1;--c1:#d9730d;--c2:#0f8f7f;--c3:#a8329f;--c4:#7d7a00;--c5:#6a4fd4;--c6:#c4344b;--c7:#64748b;
--h0:#f2a65a;--h1:#e98b62;--h2:#f0c05a;--h3:#dd7f7f;--h4:#c9b458;--h5:#e59fa6}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e8eaed;--soft:#9aa4ae;--line:#31373d;--grid:#2a2f35;
--good:#6fd39b;--good-bg:#143524;--bad:#ff8a80;--bad-bg:#43201e;--heat-colour:110,168,255;--on-heat:#0d1013;
--c0:#6ea8ff;--c1:#ffa24c;--c2:#4fd1bf;--c3:#e58adf;--c4:#d2ce4a;--c5:#a894ff;--c6:#ff7b8f;--c7:#9fb0c3;
--h0:#a5662a;--h1:#9c5334;--h2:#94712a;--h3:#8f4848;--h4:#7b6c2c;--h5:#8d5560}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 24px 80px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}h2{font-size:21px;margin:44px 0 4px;padding-top:10px;border-top:1px solid var(--line)}
.subtitle,.intro,.note,small{color:var(--soft)}.subtitle{margin:0 0 18px}.intro{margin:0 0 14px;max-width:85ch}
nav{display:flex;flex-wrap:wrap;gap:6px 14px;margin:0 0 20px}nav a{color:var(--c0);text-decoration:none}nav a:hover{text-decoration:underline}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px}
@media (max-width:860px){.grid{grid-template-columns:minmax(0,1fr)}}
.chart,.text{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
.wide,.text{grid-column:1/-1}figcaption,.text h3{font-weight:600;margin:0 0 6px;font-size:15px}
.note{font-size:13px;margin:8px 0 0}
.failures{background:var(--bad-bg);border:2px solid var(--bad);border-radius:10px;padding:12px 16px;margin:0 0 18px;color:var(--bad)}
.failures strong{display:block}.failures ul{margin:6px 0 0;padding-left:20px}
.doubtful{background:none;border-color:var(--c1);color:var(--c1)}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;margin:0 0 6px;font-size:13px}
.key::before{content:"";display:inline-block;width:18px;height:0;border-top:3px solid var(--c);margin-right:6px;vertical-align:middle}
.key.dashed::before{border-top-style:dashed;border-top-width:2px}.key.block::before{height:11px;width:11px;border:0;border-radius:3px;background:var(--c)}
${Array.from({ length: 8 }, (_, i) => `.s${i}{--c:var(--c${i})}`).join('')}
.plot{position:relative}.plot svg{width:100%;height:auto;display:block}
line.grid{stroke:var(--grid);stroke-width:1}.tick,.axis{fill:var(--soft);font-size:11px}.axis{font-size:12px}
.series path{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round}.series circle{fill:var(--card);stroke:var(--c);stroke-width:2}
.series.dashed path{stroke-dasharray:6 4;stroke-width:1.6}
.goal{stroke:var(--bad);stroke-dasharray:3 4}.goal-label{fill:var(--bad);font-size:11px}.pointer{stroke:var(--soft);stroke-dasharray:2 3}
.readout{position:absolute;top:6px;pointer-events:none;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:6px 10px;font-size:12px;box-shadow:0 3px 14px #0003;white-space:nowrap;z-index:2}
.readout b{display:block}.readout span::before{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--c);margin-right:6px}
.readout span{display:block}
table{border-collapse:collapse;width:100%;font-size:14px}.scroll{overflow-x:auto}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}tbody tr:last-child td{border-bottom:0}
thead th{color:var(--soft);font-weight:500;font-size:13px}td.number{font-variant-numeric:tabular-nums;white-space:nowrap}
td small{display:block;font-size:12px;white-space:normal}td.good,td.bad{white-space:nowrap}td.good{color:var(--good);font-weight:600}td.bad{color:var(--bad);font-weight:600}td.quiet{color:var(--soft)}
.heat-map{table-layout:fixed}.heat-map td,.heat-map th{text-align:center;padding:9px 4px;border:2px solid var(--card);font-variant-numeric:tabular-nums}
.heat-map .corner{font-weight:400;font-size:11px;color:var(--soft)}.heat-map th{color:var(--soft);font-weight:500}
td.heat{background:rgba(var(--heat-colour),calc(.07 + var(--heat)*.83));border-radius:8px}td.strong{color:var(--on-heat)}
td.none{color:var(--soft)}
.bars{display:grid;grid-template-columns:minmax(90px,max-content) 1fr;gap:7px 12px;align-items:center}
.bar-name{font-size:13px}.bar{display:flex;align-items:center;height:24px;padding-right:70px}
.piece{height:100%;background:var(--c);color:#fff;font-size:11px;line-height:24px;text-align:center;overflow:hidden;border-right:1px solid var(--card);white-space:nowrap}
@media (prefers-color-scheme:dark){.piece{color:#101214}}
.total{font-size:12px;margin-left:8px;font-variant-numeric:tabular-nums;white-space:nowrap}
.flame{position:relative;overflow:hidden;font:11px/19px ui-monospace,monospace}
.box{position:absolute;height:19px;overflow:hidden;white-space:nowrap;padding:0 3px;border-right:1px solid var(--card);border-bottom:1px solid var(--card);cursor:pointer;border-radius:2px}
.box:hover{filter:brightness(1.12)}${Array.from({ length: 6 }, (_, i) => `.h${i}{background:var(--h${i})}`).join('')}
@media print{.chart{break-inside:avoid}}
`;

// The key of whoever uses this tab. It is in sessionStorage and nowhere else: no URL, no cookie, no other tab has it, and it
// goes with the tab.

const NAME = 'mds.key';

export const keptKey = (): string | null => sessionStorage.getItem(NAME);
export const keepKey = (key: string): void => sessionStorage.setItem(NAME, key);
export const forgetKey = (): void => sessionStorage.removeItem(NAME);

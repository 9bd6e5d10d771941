// Text that is safe inside HTML, and the little that is needed to write HTML by hand.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

/** A coordinate with two decimals, which is as fine as a screen. */
export const px = (value: number): string => String(Math.round(value * 100) / 100);

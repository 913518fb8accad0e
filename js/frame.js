// What frames are made of.

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export const isId = (id) => typeof id === "string" && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id);

export function timeOf(id) {
  let ms = 0;
  for (const c of id.slice(0, 10)) ms = ms * 32 + digits.indexOf(c);
  return ms;
}

// The id right before one.
export const before = (id) =>
  id.replace(/([^0])(0*)$/, (_, c, zeros) => digits[digits.indexOf(c) - 1] + zeros.replace(/0/g, "Z"));

export const object = (value) => (value !== null && typeof value === "object" ? value : {});

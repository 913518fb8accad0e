// Two people change the same text at once. What each has changed is one place in it.

/** What becomes of a text that was changed to theirs and to mine: both changes, and theirs first in the same place. */
export function merge(base, theirs, mine) {
  if (theirs === mine || mine === base) return theirs;
  if (theirs === base) return mine;
  const other = change(base, theirs);
  const own = change(base, mine);
  if (own.end <= other.start && own.start < other.start) return put(theirs, own.start, own.end, own.text);
  const shift = theirs.length - base.length;
  if (own.start >= other.end) return put(theirs, own.start + shift, own.end + shift, own.text);
  const after = other.start + other.text.length; // nobody's words get lost
  return put(theirs, after, after, own.text);
}

/** Where a place in a text is after it has changed. */
export function moved(before, after, at) {
  const { start, end, text } = change(before, after);
  if (at <= start) return at;
  return at >= end ? at + after.length - before.length : start + text.length;
}

const put = (text, start, end, part) => text.slice(0, start) + part + text.slice(end);

/** The one place that is different: from start to end of before there is text in after. */
function change(before, after) {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  if (start > 0 && splits(before[start - 1])) start--;
  let same = 0;
  while (same < most - start && before.at(-1 - same) === after.at(-1 - same)) same++;
  if (same > 0 && splits(before.at(-1 - same))) same--;
  return { start, end: before.length - same, text: after.slice(start, after.length - same) };
}

// Whether a character is the first half of one, such as of an emoji.
const splits = (half) => half >= "\ud800" && half <= "\udbff";

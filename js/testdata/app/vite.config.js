// The result runs without a page, which has no links to look at.
export default { build: { modulePreload: { polyfill: false } } };

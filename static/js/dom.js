// The page's language as Intl knows it: Arabic with the figures that the server writes.
export const localeOf = (lang) => (lang === "ar" ? "ar-MR-u-nu-latn" : lang);

// The first element that a selector finds, or null.
export const $ = (selector, root = document) => root.querySelector(selector);

document.documentElement.classList.add("js"); // the style sheet shows what needs scripts

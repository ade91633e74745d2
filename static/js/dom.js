// The first element that a selector finds, or null.
export const $ = (selector, root = document) => root.querySelector(selector);

document.documentElement.classList.add("js"); // the style sheet shows what needs scripts

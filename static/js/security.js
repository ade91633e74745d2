// htmx 4 under `require-trusted-types-for 'script'`: its parser gets a policy, its two code constructors are taken away.
const refuse = () => {
  throw new Error("eval is off: use static/js instead of hx-on, js: or trigger [filters]");
};

htmx.registerExtension("app-csp", {
  init(api) {
    const policy = window.trustedTypes
      ? trustedTypes.createPolicy("htmx", { createHTML: (text) => text, createScript: refuse })
      : null;
    api.initSecurity(policy, refuse, refuse);
  },
});

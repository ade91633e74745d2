// What every page needs besides htmx; charts.js and samples.js are asked for by the pages that have some. No eval, no innerHTML: works under
// script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types htmx
import "./security.js";
import "./dialogs.js";
import "./history.js";
import "./drafts.js";
import "./toasts.js";
import "./polling.js";
import "./connection.js";
import "./buttons.js";
import "./countdown.js";
import "./palette.js";
import "./passkeys.js";
import "./relative_time.js";
import "./selection.js";

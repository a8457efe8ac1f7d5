// The one place where preact and htm meet. No import map: a strict content security policy allows no inline script,
// so modules name what they import by its URL.

import htm from "/vendor/htm.module.js";
import { Component, h, render } from "/vendor/preact.module.js";

/** Tagged template that gives a preact element; every value in it becomes text or an attribute, never markup. */
export const html = htm.bind(h);
export { Component, render };

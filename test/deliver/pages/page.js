import { h } from "/vendor/preact.module.js";

export const page = h("p", {}, "hello");

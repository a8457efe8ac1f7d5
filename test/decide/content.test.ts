import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { htmlEscaped } from "../../engine/decide/escape.ts";
import type { PropValue } from "../../engine/domain/event.ts";
import type { Template } from "../../engine/rulebook/rulebook.ts";
import { buildRulebook, inputFor } from "./build.ts";

const NAME: Template[number] = { read: "attributes.name", get: ({ attributes }) => attributes[0] };

function render(format: "text" | "html", name: PropValue) {
  const rulebook = buildRulebook({
    attributes: ["name"],
    channels: [{ name: "app", format }],
    placements: [{ name: "home", channels: ["app"] }],
    actions: [
      {
        id: "a",
        treatments: [
          {
            channel: "app",
            placements: ["home"],
            content: {
              title: { en: ["<b>dear\t", NAME, "</b>"] },
              points: { en: [[NAME], ["& plain"]] },
              link: { en: ["https://bank.example/?n=", NAME, "&x=1"] },
            },
          },
        ],
        reasons: [{ text: { en: ["for ", NAME] } }],
      },
    ],
  });
  const decision = decide(createDecider(rulebook), inputFor(rulebook, { profile: { attributes: [name] } }), []);
  const item = decision.slates[0]?.items[0];
  return { ...item?.content, reason: item?.reasons[0] };
}

describe("content", () => {
  test("CNT-5 html", () => {
    expect(render("html", `<i a='1' b="2">&\n`)).toEqual({
      title: "<b>dear\t&lt;i a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;\n</b>",
      points: ["&lt;i a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;\n", "& plain"],
      link: "https://bank.example/?n=%3Ci%20a%3D%271%27%20b%3D%222%22%3E%26%0A&x=1",
      reason: "for &lt;i a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;\n",
    });
  });

  test("CNT-5 text", () => {
    expect(render("text", "Ana\r\nBcc: all\u0000\u0085\u2028<b>")).toEqual({
      title: "<b>dear\tAna  Bcc: all   <b></b>",
      points: ["Ana  Bcc: all   <b>", "& plain"],
      link: "https://bank.example/?n=Ana%0D%0ABcc%3A%20all%00%C2%85%E2%80%A8%3Cb%3E&x=1",
      reason: "for Ana  Bcc: all   <b>",
    });
  });

  test.each<[PropValue, string]>([
    ["javascript:alert(1)//", "javascript%3Aalert%281%29%2F%2F"],
    ["half \ud800 of a pair", "half%20%EF%BF%BD%20of%20a%20pair"],
    ["é😀", "%C3%A9%F0%9F%98%80"],
    [["a b", "c"], "a%20b%2C%20c"],
    [-1.5, "-1.5"],
  ])("CNT-5 a link holds %j as %j", (value, expected) => {
    expect(render("html", value)).toMatchObject({ link: `https://bank.example/?n=${expected}&x=1` });
  });

  test("CNT-5 what is escaped holds nothing that could open a tag, an attribute or an entity", () => {
    const all = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code)).join("");
    expect(htmlEscaped(all).replace(/&(amp|lt|gt|quot|#39);/g, "")).not.toMatch(/[&<>"']/);
  });
});

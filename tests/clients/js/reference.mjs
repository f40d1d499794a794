// Reads the API page as a user does, in a real browser: opens it, gives an API key, asks for the
// figures of the project. Prints what it saw as JSON.
//
// Usage: RIPOSTE_KEY=rp_… CHROMIUM=/usr/bin/chromium node reference.mjs URL [SCREENSHOT]

import { chromium } from "playwright-core";

const [url, screenshot] = process.argv.slice(2);
const key = process.env.RIPOSTE_KEY;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const seen = { elsewhere: [], complaints: [] };
const origin = new URL(url).origin;
page.on("request", (request) => {
  const asked = request.url();
  if (!asked.startsWith(`${origin}/`) && !asked.startsWith("data:")) seen.elsewhere.push(asked);
});
page.on("pageerror", (error) => seen.complaints.push(String(error)));
page.on("console", (line) => {
  if (line.type() === "error") seen.complaints.push(line.text());
});

await page.goto(url);
await page.locator(".opblock").first().waitFor();
seen.operations = await page.locator(".opblock").count();

const stats = page.locator("#operations-operation-stats_get");
await stats.locator(".opblock-summary-control").click();
const execute = stats.locator("button.execute");

const status = async () => {
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith("/v1/stats")),
    execute.click(),
  ]);
  const shown = stats.locator(".live-responses-table tbody td.response-col_status").first();
  await shown.filter({ hasText: String(answer.status()) }).waitFor();
  return answer.status();
};

seen.without_key = await status();
await page.locator("button.authorize").first().click();
const dialog = page.locator(".dialog-ux");
await dialog.locator("input").fill(key);
await dialog.locator("button.authorize").click();
await dialog.locator("button.btn-done").click();
seen.with_key = await status();
seen.body = JSON.parse(await stats.locator(".live-responses-table .highlight-code code").first().innerText());
seen.kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
if (screenshot) await page.screenshot({ path: screenshot });
await browser.close();
// What a browser says of a refused request is no complaint about the page.
seen.complaints = seen.complaints.filter((text) => !text.includes("401 (Unauthorized)"));
console.log(JSON.stringify(seen));

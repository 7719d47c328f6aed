// Serves a folder on this machine, opens it in headless Chromium, prints what the page's console says, and exits as the page's program did.
// node browse.mjs <folder>
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

const Minutes = 10;
const types = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };
const folder = process.argv[2];

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname);
  try {
    const content = await readFile(join(folder, path === '/' ? 'index.html' : path));
    response.writeHead(200, { 'Content-Type': types[extname(path)] ?? (path === '/' ? 'text/html' : 'application/octet-stream') }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let exitCode = 1;
try {
  const page = await browser.newPage();
  const end = new Promise((resolve, reject) => {
    page.on('console', (message) => {
      const code = /^exit code (\d+)$/.exec(message.text());
      code ? resolve(Number(code[1])) : console.log(message.text());
    });
    page.on('pageerror', reject);
    setTimeout(() => reject(new Error(`no end within ${Minutes} minutes`)), Minutes * 60_000).unref();
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  exitCode = await end;
} catch (error) {
  console.error(error.message);
} finally {
  await browser.close();
  server.close();
}
process.exit(exitCode);

// Visits every page of a site from its files. Prints one line for each fault, and how many pages it visited.
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const puppeteer = require('puppeteer-core');

const [, , executablePath, site] = process.argv;
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const files = fs.readdirSync(site, { recursive: true }).filter((file) => file.endsWith('.html')).sort();
const address = (file) => pathToFileURL(path.join(site, file)).href;
// Of each kind of page one is looked at by axe, in both themes and narrow.
const examined = files.filter((file, at) => files.findIndex((other) => path.dirname(other) === path.dirname(file)) === at);
examined.push(path.join('domain', 'rule.created.html'), path.join('query', 'rule.get.html'));

const expect = (what, holds) => { if (!holds) console.log(`not so: ${what}`); };

(async () => {
  const browser = await puppeteer.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    page.on('console', (message) => { if (message.type() === 'error') console.log(`${page.url()}: ${message.text()}`); });
    page.on('pageerror', (error) => console.log(`${page.url()}: ${error.message}`));
    page.on('requestfailed', (request) => console.log(`${page.url()}: ${request.url()} cannot be loaded`));

    for (const file of files) {
      await page.goto(address(file));
      expect(`${file} has one heading of the first level`, (await page.$$('h1')).length === 1);
    }

    for (const file of examined) {
      for (const [theme, width] of [['light', 1200], ['dark', 1200], ['light', 360]]) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
        await page.setViewport({ width, height: 900 });
        await page.goto(address(file));
        const room = await page.evaluate(() => [document.scrollingElement.scrollWidth, window.innerWidth]);
        expect(`${file} fits into ${width} pixels: ${room}`, room[0] <= room[1]);
        await page.evaluate(axe);
        const found = await page.evaluate(() => window.axe.run({ preload: false }));
        for (const fault of found.violations.filter((fault) => ['serious', 'critical'].includes(fault.impact))) {
          console.log(`${file}, ${theme}, ${width}: ${fault.id}: ${fault.nodes[0].html}`);
        }
      }
    }

    // A field is found by keyboard alone.
    await page.setViewport({ width: 1200, height: 900 });
    await page.goto(address('index.html'));
    await page.keyboard.press('/');
    await page.keyboard.type('rule.created priority');
    await page.waitForSelector('#found li');
    await page.keyboard.press('ArrowDown');
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    expect(`search leads to the field: ${page.url()}`, page.url().endsWith('domain/rule.created.html#v2.priority'));

    // The flow is clicked through: from the whole to a service, to an event, to who consumes it.
    await page.goto(address('index.html'));
    for (const [selector, end] of [
      ['.picture a[href="service/promotions.html"]', 'service/promotions.html'],
      ['.picture a[href="../domain/promotion.created.html"]', 'domain/promotion.created.html'],
      ['.picture a[href="../service/coupons.html"]', 'service/coupons.html'],
    ]) {
      await page.waitForSelector(selector);
      await Promise.all([page.waitForNavigation(), page.click(selector)]);
      expect(`${selector} leads to ${end}: ${page.url()}`, page.url().endsWith(end));
    }

    // Light and dark are one button, and what was chosen stays.
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    await page.click('#theme');
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(`the page is dark: ${back}`, back === 'rgb(13, 17, 23)');
    console.log(`visited ${files.length}`);
  } finally {
    await browser.close();
  }
})();

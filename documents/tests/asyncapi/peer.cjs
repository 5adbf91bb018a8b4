// Reads documents with the official parser, and holds instances against their schemas with ajv. Prints one line for each fault.
const fs = require('fs');
const { Parser } = require('@asyncapi/parser');
const Ajv = require('ajv');
const addFormats = require('ajv-formats');

// As severities of the parser are numbered: errors and warnings.
const WARNING = 1;

async function parse(file) {
  const text = fs.readFileSync(file, 'utf8');
  const { document, diagnostics } = await new Parser().parse(text);
  for (const found of diagnostics.filter((found) => found.severity <= WARNING)) {
    console.log(`${file}: ${found.code} at ${found.path.join('/')}: ${found.message}`);
  }
  if (!document) {
    console.log(`${file}: no document`);
    return;
  }
  const counts = [document.channels(), document.operations(), document.messages()].map((all) => all.all().length);
  console.log(`read ${counts.join(' ')}`);
}

function hold(file, instances) {
  const { components } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: true });
  addFormats(ajv);
  // It takes a space for the T of RFC 3339, which JSON Schema does not.
  const { validate } = ajv.formats['date-time'];
  ajv.addFormat('date-time', { validate: (text) => !text.includes(' ') && validate(text) });
  ajv.addSchema({ $id: 'document', components });
  const compiled = new Map();
  let count = 0;
  for (const line of fs.readFileSync(instances, 'utf8').split('\n').filter((line) => line)) {
    const { schema, instance, valid } = JSON.parse(line);
    if (!compiled.has(schema)) compiled.set(schema, ajv.compile({ $ref: `document#/components/schemas/${schema}` }));
    if (compiled.get(schema)(instance) !== valid) {
      console.log(`${schema}: ajv says ${!valid} of ${JSON.stringify(instance)}`);
    }
    count += 1;
  }
  console.log(`held ${count}`);
}

(async () => {
  const [, , role, ...files] = process.argv;
  if (role === 'parse') for (const file of files) await parse(file);
  else hold(...files);
})();

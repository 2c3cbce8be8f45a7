// What every Node client's program shares; see reporting.py.
'use strict';

const [url, key, model, ...cases] = process.argv.slice(2);

async function report(version, known) {
  const seen = { version };
  for (const name of cases) {
    try {
      seen[name] = await known[name]();
    } catch (error) {
      seen[name] = { broke: error.stack };
    }
  }
  console.log(JSON.stringify(seen));
}

module.exports = {
  url,
  key,
  model,
  report,
  nobody: 'hg_nobody',
  question: 'Write a program that adds two numbers.',
  weather: 'How is the weather in Seoul?',
  order: 'Take an order: two lattes.',
  faults: { rate_limited: 'Be rate limited.', refused: 'Be refused.', broken: 'Be broken.' },
  city: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  ordered: {
    type: 'object',
    properties: { drink: { type: 'string' }, count: { type: 'integer' } },
    required: ['drink', 'count'],
    additionalProperties: false,
  },
};

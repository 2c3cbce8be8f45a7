// Drives a gateway with the official Node client: URL and key as arguments, a JSON report on stdout.
'use strict';

const OpenAI = require('openai');
const { VERSION } = require('openai/version');

const [baseURL, apiKey] = process.argv.slice(2);
const options = { baseURL, apiKey, maxRetries: 0, timeout: 20_000 };
const client = new OpenAI(options);
const ask = {
  model: 'solver',
  messages: [{ role: 'user', content: 'Write a program that adds two numbers.' }],
  metadata: { rating: '2700' },
};

const tokensOf = (usage) => usage && [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];

async function read(stream) {
  const pieces = [];
  let finish = null;
  let tokens = null;
  for await (const chunk of stream) {
    tokens = tokensOf(chunk.usage) || tokens;
    for (const choice of chunk.choices) {
      finish = choice.finish_reason || finish;
      if (choice.delta.content) pieces.push(choice.delta.content);
    }
  }
  return { pieces, finish, tokens };
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return {
      error: error.constructor.name,
      status: error.status,
      code: error.code,
      type: error.type,
      request_id: error.requestID,
    };
  }
  return { error: null };
}

const cases = {
  async chat() {
    const answer = await client.chat.completions.create(ask);
    const [choice] = answer.choices;
    return {
      text: choice.message.content,
      role: choice.message.role,
      finish: choice.finish_reason,
      tokens: tokensOf(answer.usage),
    };
  },

  async stream() {
    const { data, request_id } = await client.chat.completions.create({ ...ask, stream: true }).withResponse();
    return { request_id, ...(await read(data)) };
  },

  async stream_with_usage() {
    return read(
      await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } }),
    );
  },

  async bad_key() {
    const stranger = new OpenAI({ ...options, apiKey: 'hg_nobody' });
    return refusal(() => stranger.chat.completions.create(ask));
  },

  async unknown_model() {
    return refusal(() => client.chat.completions.create({ ...ask, model: 'no-such-model' }));
  },

  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    const one = await client.models.retrieve('solver');
    return { names, one: one.id, unknown: await refusal(() => client.models.retrieve('no-such-model')) };
  },

  async request_id() {
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    return {
      header: response.headers.get('x-request-id'),
      property: data._request_id,
      variant: response.headers.get('x-headgate-variant'),
      route: response.headers.get('x-headgate-route'),
    };
  },
};

(async () => {
  const report = { version: VERSION };
  for (const [name, run] of Object.entries(cases)) report[name] = await run();
  console.log(JSON.stringify(report));
})();

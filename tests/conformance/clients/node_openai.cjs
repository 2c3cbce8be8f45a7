// Drives a gateway with the official Node client; see reporting.py.
'use strict';

const OpenAI = require('openai');
const { VERSION } = require('openai/version');
const { url, key, model, report, nobody, question, weather, order, faults, city, ordered } = require('./reporting.cjs');

const options = { baseURL: url, apiKey: key, maxRetries: 0, timeout: 20_000 };
const client = new OpenAI(options);
const asking = (content = question) => ({ model, messages: [{ role: 'user', content }], metadata: { rating: '2700' } });
const description = 'The weather in a city.';
const tool = { type: 'function', function: { name: 'get_weather', description, parameters: city } };

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

function called(choice) {
  const [call] = choice.message.tool_calls;
  return { finish: choice.finish_reason, id: call.id, name: call.function.name, arguments: call.function.arguments };
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

report(VERSION, {
  async chat() {
    const answer = await client.chat.completions.create(asking());
    const [choice] = answer.choices;
    return {
      text: choice.message.content,
      role: choice.message.role,
      finish: choice.finish_reason,
      tokens: tokensOf(answer.usage),
    };
  },

  async stream() {
    const { data, request_id } = await client.chat.completions.create({ ...asking(), stream: true }).withResponse();
    return { request_id, ...(await read(data)) };
  },

  async stream_with_usage() {
    const wanted = { stream: true, stream_options: { include_usage: true } };
    return read(await client.chat.completions.create({ ...asking(), ...wanted }));
  },

  async tools() {
    const asked = asking(weather);
    const [choice] = (await client.chat.completions.create({ ...asked, tools: [tool] })).choices;
    const seen = called(choice);
    const result = { role: 'tool', tool_call_id: seen.id, content: '21 degrees' };
    const messages = [...asked.messages, choice.message, result];
    const final = await client.chat.completions.create({ ...asked, messages, tools: [tool] });
    return { ...seen, final: final.choices[0].message.content };
  },

  async streamed_tools() {
    const opened = client.chat.completions.stream({ ...asking(weather), tools: [tool] });
    return called((await opened.finalChatCompletion()).choices[0]);
  },

  async structured() {
    const format = { type: 'json_schema', json_schema: { name: 'order', strict: true, schema: ordered } };
    const answer = await client.chat.completions.parse({ ...asking(order), response_format: format });
    return JSON.parse(answer.choices[0].message.content);
  },

  async responses() {
    const asked = { model, metadata: { rating: '2700' } };
    const whole = await client.responses.create({ ...asked, input: question });
    const pieces = [];
    let last = null;
    for await (const event of await client.responses.create({ ...asked, input: question, stream: true })) {
      last = event.type;
      if (event.type === 'response.output_text.delta') pieces.push(event.delta);
    }
    const tools = [{ type: 'function', name: 'get_weather', description, parameters: city, strict: false }];
    const [call] = (await client.responses.create({ ...asked, input: weather, tools })).output;
    const { input_tokens, output_tokens, total_tokens } = whole.usage;
    return {
      text: whole.output_text,
      tokens: [input_tokens, output_tokens, total_tokens],
      pieces,
      last,
      call: [call.name, call.arguments],
    };
  },

  async embeddings() {
    // The mock knows numbers only; the client would ask for base64.
    const asked = { model, input: ['Embed this', 'Embed that'], encoding_format: 'float' };
    const answer = await client.embeddings.create(asked);
    return { vectors: answer.data.map((one) => one.embedding) };
  },

  async bad_key() {
    const stranger = new OpenAI({ ...options, apiKey: nobody });
    return refusal(() => stranger.chat.completions.create(asking()));
  },

  async unknown_model() {
    return refusal(() => client.chat.completions.create({ ...asking(), model: 'no-such-model' }));
  },

  async faults() {
    const seen = {};
    for (const [name, text] of Object.entries(faults)) {
      seen[name] = await refusal(() => client.chat.completions.create(asking(text)));
    }
    return seen;
  },

  async models() {
    const names = [];
    for await (const found of client.models.list()) names.push(found.id);
    const one = await client.models.retrieve(model);
    return { names, one: one.id, unknown: await refusal(() => client.models.retrieve('no-such-model')) };
  },

  async request_id() {
    const { data, response } = await client.chat.completions.create(asking()).withResponse();
    return {
      header: response.headers.get('x-request-id'),
      property: data._request_id,
      variant: response.headers.get('x-headgate-variant'),
      route: response.headers.get('x-headgate-route'),
    };
  },
});

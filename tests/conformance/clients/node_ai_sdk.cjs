// Drives a gateway with the AI SDK's provider for OpenAI-compatible servers; see reporting.py.
'use strict';

const { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } = require('ai');
const { createOpenAICompatible } = require('@ai-sdk/openai-compatible');
const { url, key, model, report, nobody, question, weather, order, faults, city, ordered } = require('./reporting.cjs');

const provider = (apiKey, includeUsage = false) =>
  createOpenAICompatible({ name: 'headgate', baseURL: url, apiKey, includeUsage, supportsStructuredOutputs: true });
const asking = (prompt = question, apiKey = key, name = model) => ({
  model: provider(apiKey)(name),
  prompt,
  maxRetries: 0,
});
const tools = {
  get_weather: tool({
    description: 'The weather in a city.',
    inputSchema: jsonSchema(city),
    execute: async () => '21 degrees',
  }),
};

const tokensOf = (usage) => usage.totalTokens && [usage.inputTokens, usage.outputTokens, usage.totalTokens];

async function read(includeUsage) {
  const failed = [];
  const onError = ({ error }) => failed.push(error);
  const streamed = streamText({ ...asking(), model: provider(key, includeUsage)(model), onError });
  const pieces = [];
  for await (const piece of streamed.textStream) pieces.push(piece);
  if (failed.length) throw failed[0];
  return { pieces, finish: await streamed.finishReason, tokens: tokensOf(await streamed.usage) || null };
}

async function refusal(options) {
  try {
    await generateText(options);
  } catch (error) {
    const body = JSON.parse(error.responseBody).error;
    return {
      status: error.statusCode,
      code: body.code,
      type: body.type,
      request_id: error.responseHeaders['x-request-id'],
    };
  }
  return { error: null };
}

function called([call], finish) {
  return { finish, id: call.toolCallId, name: call.toolName, arguments: call.input };
}

report(require('ai/package.json').version, {
  async chat() {
    const answer = await generateText(asking());
    return { text: answer.text, role: 'assistant', finish: answer.finishReason, tokens: tokensOf(answer.usage) };
  },

  stream: () => read(false),
  stream_with_usage: () => read(true),

  async tools() {
    const answer = await generateText({ ...asking(weather), tools, stopWhen: stepCountIs(2) });
    const [first] = answer.steps;
    return { ...called(first.toolCalls, first.finishReason), final: answer.text };
  },

  async streamed_tools() {
    const streamed = streamText({ ...asking(weather), tools });
    await streamed.consumeStream();
    return called(await streamed.toolCalls, await streamed.finishReason);
  },

  async structured() {
    return (await generateObject({ ...asking(order), schema: jsonSchema(ordered) })).object;
  },

  bad_key: () => refusal(asking(question, nobody)),
  unknown_model: () => refusal(asking(question, key, 'no-such-model')),

  async faults() {
    const seen = {};
    for (const [name, text] of Object.entries(faults)) seen[name] = await refusal(asking(text));
    return seen;
  },
});

#!/usr/bin/env node
// A stand-in for Prisma's native query engine, which has to be downloaded and cannot be had everywhere.
//
// It is Prisma's own engine, of the same kind and a later patch version, compiled to WebAssembly. What is not Prisma's is
// the little around it: the HTTP protocol of the native one, as prisma-client-py speaks it, and the translation of its
// GraphQL queries to the JSON that the WebAssembly build takes. It serves the tests, one process at a time, and it is no
// replacement: no metrics, no logging of queries, no timeouts of its own.
//
// Run as the native one is: `engine.mjs -p PORT ...`, with PRISMA_DML_PATH, DATABASE_URL or OVERWRITE_DATASOURCES.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { PrismaPg } = require("@prisma/adapter-pg");
const { bindAdapter } = require("@prisma/driver-adapter-utils");
const { parse } = require("graphql");
const { Pool } = require("pg");

const ACTIONS = [
  ...["findUniqueOrThrow", "findUnique", "findFirstOrThrow", "findFirst", "findMany", "createOne", "createMany"],
  ...["updateOne", "updateMany", "upsertOne", "deleteOne", "deleteMany", "aggregate", "groupBy", "queryRaw", "executeRaw"],
];

/** The fields of type Json, by model: what comes for them is JSON in a string, and the JSON protocol wants to be told. */
function jsonFieldsOf(datamodel) {
  const models = [...datamodel.matchAll(/^model (\w+) \{$(.*?)^\}$/gms)];
  return Object.fromEntries(
    models.map(([, model, body]) => [model, new Set([...body.matchAll(/^\s*(\w+)\s+Json\b/gm)].map((match) => match[1]))]),
  );
}

/** A value of a GraphQL argument as JSON. */
function valueOf(node, jsonFields, isJson = false) {
  switch (node.kind) {
    case "ObjectValue":
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [
          name.value,
          valueOf(value, jsonFields, jsonFields.has(name.value) || (isJson && ["set", "equals", "not"].includes(name.value))),
        ]),
      );
    case "ListValue":
      return node.values.map((value) => valueOf(value, jsonFields));
    case "IntValue": {
      const number = Number(node.value);
      return Number.isSafeInteger(number) ? number : { $type: "BigInt", value: node.value };
    }
    case "FloatValue":
      return Number(node.value);
    case "NullValue":
      return null;
    case "StringValue":
      return isJson ? { $type: "Json", value: node.value } : node.value;
    default: // booleans and enums are what they say
      return node.value;
  }
}

function argumentsOf(node, jsonFields) {
  return Object.fromEntries(node.arguments.map(({ name, value }) => [name.value, valueOf(value, jsonFields)]));
}

/** What a query wants to have of a record: `true` for a plain field, arguments and more for a relation. */
function selectionOf(selectionSet, jsonFields) {
  const fields = selectionSet?.selections ?? [];
  return Object.fromEntries(
    fields.map((field) => [
      field.name.value,
      field.selectionSet || field.arguments.length
        ? { arguments: argumentsOf(field, jsonFields), selection: selectionOf(field.selectionSet, jsonFields) }
        : true,
    ]),
  );
}

/** One operation in GraphQL as the JSON protocol has it, and the name that its result goes by. */
function translate(text, jsonFields) {
  const [operation] = parse(text).definitions;
  const [field] = operation.selectionSet.selections;
  const name = field.name.value;
  const action = ACTIONS.find((each) => name.startsWith(each));
  if (!action) throw new Error(`no translation for ${name}`);
  const modelName = name.slice(action.length);
  const json = jsonFields[modelName] ?? new Set();
  const query = { arguments: argumentsOf(field, json), selection: selectionOf(field.selectionSet, json) };
  return { key: field.alias?.value ?? name, body: { ...(modelName ? { modelName } : {}), action, query } };
}

/** A value of the JSON protocol as GraphQL has it: without its type. Raw results keep theirs in a list of types. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if ("$type" in value) return value.$type === "Raw" ? value.value : plain(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

function load(url, datamodel) {
  const glue = require("@prisma/client/runtime/query_engine_bg.postgresql.js");
  const code = readFileSync(require.resolve("@prisma/client/runtime/query_engine_bg.postgresql.wasm"));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { "./query_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  const adapter = bindAdapter(new PrismaPg(new Pool({ connectionString: url })));
  const settings = { datamodel, logQueries: false, logLevel: "error", ignoreEnvVarErrors: true, configDir: process.cwd() };
  return new glue.QueryEngine({ ...settings, env: {}, datasourceOverrides: {}, engineProtocol: "json" }, () => {}, adapter);
}

async function run({ engine, jsonFields }, text, transaction) {
  const { key, body } = translate(text, jsonFields);
  const answer = JSON.parse(await engine.query(JSON.stringify(body), "{}", transaction));
  if (answer.errors) return answer;
  return { data: { [key]: plain(Object.values(answer.data)[0]) } };
}

async function answer(served, method, path, body, transaction) {
  const { engine } = served;
  if (path === "/status") return { status: "ok" };
  const [, kind, id, verb] = path.split("/");
  if (kind === "transaction" && id === "start") return JSON.parse(await engine.startTransaction(body, "{}"));
  if (kind === "transaction" && verb === "commit") return JSON.parse(await engine.commitTransaction(id, "{}"));
  if (kind === "transaction" && verb === "rollback") return JSON.parse(await engine.rollbackTransaction(id, "{}"));
  if (method !== "POST" || path !== "/") throw new Error(`no answer for ${method} ${path}`);
  const request = JSON.parse(body);
  if (!request.batch) return run(served, request.query, transaction);
  const results = [];
  for (const each of request.batch) results.push(await run(served, each.query, transaction));
  return { batchResult: results };
}

function urlOfDatabase() {
  const overrides = process.env.OVERWRITE_DATASOURCES;
  return overrides ? JSON.parse(overrides)[0].url : process.env.DATABASE_URL;
}

async function main() {
  const datamodel = readFileSync(process.env.PRISMA_DML_PATH, "utf8");
  const engine = load(urlOfDatabase(), datamodel);
  await engine.connect("{}");
  const served = { engine, jsonFields: jsonFieldsOf(datamodel) };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    try {
      const body = Buffer.concat(parts).toString();
      const path = new URL(request.url, "http://localhost").pathname;
      const said = await answer(served, request.method, path, body, request.headers["x-transaction-id"]);
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(said));
    } catch (error) {
      const message = String(error?.message ?? error);
      if (process.env.ENGINE_DEBUG) console.error(message, Buffer.concat(parts).toString());
      const errors = [{ error: message, user_facing_error: { message, meta: null, error_code: "P0000" } }];
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ errors }));
    }
  });
  server.listen(Number(process.argv[process.argv.indexOf("-p") + 1]), "localhost");
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
}

if (process.argv.includes("-p")) await main(); // else it is asked for its version, and has none to tell

// Reads an AsyncAPI document with the parser of its makers: the errors as JSON on standard output.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { path } = JSON.parse(process.argv[2]);
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
const errors = diagnostics.filter(({ severity }) => severity === 0);
console.log(JSON.stringify({ channels: document?.channels().length ?? 0, errors: errors.map(({ message, path }) => `${path.join(".")}: ${message}`) }));

// Tools for a chat interface in the way of Tambo: objects with a name, a description, JSON Schemas and a function,
// made of what the server has at this moment. Give them to `<TamboProvider tools={…}>`, or to any library that takes
// tools of this shape.

import type { Client } from "@modelcontextprotocol/client";

import { call } from "./connect.js";

export interface ChatTool {
  name: string;
  title: string;
  description: string;
  /** JSON Schema of the parameters; `z.fromJSONSchema` of zod 4 takes it where a zod schema is wanted. */
  inputSchema: Record<string, unknown>;
  /** JSON Schema of the answer. */
  outputSchema: Record<string, unknown> | undefined;
  tool: (params: Record<string, unknown>) => Promise<unknown>;
}

/** Asks the person; `true` lets the call through. */
export type Approval = (tool: string, params: Record<string, unknown>) => Promise<boolean>;

/** The tools of this connection. Whatever changes something asks first. */
export async function chatTools(client: Client, approved: Approval): Promise<ChatTool[]> {
  const { tools } = await client.listTools();
  return tools.map(({ name, title, description = "", inputSchema, outputSchema, annotations }) => ({
    name,
    title: title ?? name,
    description,
    inputSchema: inputSchema as Record<string, unknown>,
    outputSchema: outputSchema as Record<string, unknown> | undefined,
    tool: async (params) => {
      const reads = annotations?.readOnlyHint === true;
      if (!reads && !(await approved(name, params))) throw new Error(`${name} was not approved: nothing was done`);
      return call(client, name, params);
    },
  }));
}

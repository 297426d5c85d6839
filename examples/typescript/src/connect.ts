// A connection to MedCor by the official SDK, as whoever the token is of.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export interface Server {
  /** Such as `http://127.0.0.1:8002`. */
  url: string;
  token: string;
  /** A toolset, such as `core` or `scheduling`; all tools when absent. */
  toolset?: string;
}

/** The server of `MEDCOR_URL`, as the owner of `MEDCOR_TOKEN`. */
export function serverOfEnvironment(): Server {
  const { MEDCOR_URL = "http://127.0.0.1:8002", MEDCOR_TOKEN } = process.env;
  if (!MEDCOR_TOKEN) throw new Error("set MEDCOR_TOKEN: `medcor token --user you@clinic.example` prints one");
  return { url: MEDCOR_URL, token: MEDCOR_TOKEN };
}

/** Connects, does the work, and closes. */
export async function connected<T>(server: Server, work: (client: Client) => Promise<T>): Promise<T> {
  const path = server.toolset ? `/mcp/x/${server.toolset}` : "/mcp";
  const transport = new StreamableHTTPClientTransport(new URL(path, server.url), {
    requestInit: { headers: { Authorization: `Bearer ${server.token}` } },
    fetch: inItsOwnWords,
  });
  const client = new Client({ name: "medcor-example", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(transport);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Of a refusal before there is a conversation the SDK tells the status alone. */
async function inItsOwnWords(url: string | URL, init?: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  if (answer.status !== 401 && answer.status !== 403) return answer;
  const text = await answer.text();
  const said = text.startsWith("{") ? JSON.parse(text).error : { code: `HTTP ${answer.status}`, message: text };
  throw new Error(`${said.code}: ${said.message}`);
}

/** Calls a tool; its answer. A refusal becomes an error: `CODE: message`, and what to do about it. */
export async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<unknown> {
  const result = await client.callTool({ name, arguments: args });
  if (!result.isError) return result.structuredContent;
  const texts = result.content.map((part) => (part.type === "text" ? part.text : ""));
  throw new Error(texts.filter(Boolean).join("\n"));
}

/** Runs a program; a failure is printed and makes the exit code 1. */
export async function run(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

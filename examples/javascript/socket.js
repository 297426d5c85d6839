// One WebSocket for calls and events (`/api/mcp/ws`), and MCP over WebSocket (`/ws`). Runs in browsers and, with the
// package `ws`, in Node.

import { MedCorError } from "./medcor.js";

const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

/** Calls and events over one connection. */
export class MedCorSocket {
  #socket;
  #questions;
  #next = 1;

  constructor(socket, onEvent) {
    this.#socket = socket;
    this.#questions = new Questions(socket);
    this.last = undefined;
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data), onEvent));
  }

  /** Connects and says who it is, by the first message. */
  static async open(url, token, onEvent = () => {}) {
    const socket = new WebSocket(`${url.replace(/^http/, "ws").replace(/\/$/, "")}/api/mcp/ws`);
    const connection = new MedCorSocket(socket, onEvent);
    await opened(socket);
    await connection.#ask({ type: "auth", token });
    return connection;
  }

  /** Calls a tool; its answer. */
  async invoke(tool, params = {}) {
    return (await this.#ask({ type: "tool_invoke", tool, params })).result;
  }

  /** Asks to be told of these, after an event that a connection before this one had. */
  async subscribe(resource, after) {
    const { event_id } = await this.#ask({ type: "subscribe", resource, ...(after && { last_event_id: after }) });
    this.last ??= event_id;
  }

  unsubscribe(resource) {
    return this.#ask({ type: "unsubscribe", resource });
  }

  close() {
    this.#socket.close();
  }

  async #ask(message) {
    const request_id = `r${this.#next++}`;
    const answer = await this.#questions.ask(request_id, { ...message, request_id });
    if (answer.error) throw new MedCorError(answer.error_detail);
    return answer;
  }

  #hear(message, onEvent) {
    if (this.#questions.answer(message.request_id, message)) return;
    this.last = message.event_id ?? this.last;
    onEvent(message);
  }
}

/** MCP over WebSocket. Tools can be called at once: `initialize` is for clients that want to know more. */
export class McpSocket {
  #socket;
  #questions;
  #next = 1;

  constructor(socket) {
    this.#socket = socket;
    this.#questions = new Questions(socket);
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      this.#questions.answer(message.id, message);
    });
  }

  /** Connects with the token as a subprotocol: a browser's WebSocket sends no headers. The server selects `mcp`. */
  static async open(url, token) {
    const address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/ws`;
    const socket = new WebSocket(address, ["mcp", `bearer.${token}`]);
    await opened(socket);
    return new McpSocket(socket);
  }

  async request(method, params = {}) {
    const id = this.#next++;
    const message = await this.#questions.ask(id, { jsonrpc: "2.0", id, method, params });
    if (message.error) throw new Error(`${message.error.code}: ${message.error.message}`);
    return message.result;
  }

  /** Calls a tool; its answer. A refusal is its text: `CODE: message`. */
  async call(name, args = {}) {
    const result = await this.request("tools/call", { name, arguments: args });
    if (result.isError) throw new Error(result.content[0].text);
    return result.structuredContent;
  }

  close() {
    this.#socket.close();
  }
}

/** What was asked over a connection and is not answered. All of it fails when the connection ends. */
class Questions {
  #socket;
  #open = new Map();

  constructor(socket) {
    this.#socket = socket;
    socket.addEventListener("close", ({ code, reason }) => {
      for (const { reject } of this.#open.values()) reject(new Error(`the connection ended (${code}): ${reason}`));
      this.#open.clear();
    });
  }

  ask(id, message) {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== 1) return reject(new Error("the connection is not open"));
      this.#open.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify(message));
    });
  }

  /** Whether that was asked. */
  answer(id, message) {
    const question = this.#open.get(id);
    this.#open.delete(id);
    question?.resolve(message);
    return question !== undefined;
  }
}

function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", (event) => reject(new Error(event.message ?? "no connection")), { once: true });
    socket.addEventListener("close", ({ code, reason }) => reject(new Error(`no connection (${code}) ${reason}`)), { once: true });
  });
}

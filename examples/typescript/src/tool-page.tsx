// A server component: what a person may do at a clinic, discovered when the page is asked for. In a Next.js app it is
// `app/tools/page.tsx` as it stands; the token stays on the server.

import { connected, type Server } from "./connect.js";

interface Entry {
  name: string;
  title: string;
  firstLine: string;
  reads: boolean;
}

/** The tools as they are now: whoever gets another role sees others at the next request. */
async function discovered(server: Server): Promise<Entry[]> {
  return connected(server, async (client) => {
    const { tools } = await client.listTools();
    return tools.map(({ name, title, description = "", annotations }) => ({
      name,
      title: title ?? name,
      firstLine: description.split("\n")[0] ?? "",
      reads: annotations?.readOnlyHint === true,
    }));
  });
}

export default async function ToolPage({ server }: { server: Server }) {
  const entries = await discovered(server);
  const groups = [
    { heading: "Look up", entries: entries.filter(({ reads }) => reads) },
    { heading: "Change", entries: entries.filter(({ reads }) => !reads) },
  ];
  return (
    <main>
      {groups.map(({ heading, entries }) => (
        <section key={heading}>
          <h2>
            {heading} ({entries.length})
          </h2>
          <dl>
            {entries.map(({ name, title, firstLine }) => (
              <div key={name} id={name}>
                <dt>{title}</dt>
                <dd>{firstLine}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </main>
  );
}

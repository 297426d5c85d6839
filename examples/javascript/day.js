// What a dashboard of a day shows. Runs in Node and in browsers.

/** The figures of a day. Those of the whole organisation come along for who may see them: its administrators. */
export async function figures(medcor, date) {
  const [tools, appointments, doctors] = await Promise.all([
    medcor.tools(),
    medcor.list("appointments", { filter: { date }, limit: 100, fields: "status" }),
    medcor.list("doctors", { limit: 100, fields: "is_active" }),
  ]);
  const byStatus = {};
  for (const { status } of appointments.results) byStatus[status] = (byStatus[status] ?? 0) + 1;
  const shown = { todayAppointments: appointments.results.length, byStatus, activeDoctors: doctors.results.length };
  if (!tools.some(({ name }) => name === "get_hospital_statistics")) return shown;
  const whole = await medcor.invoke("get_hospital_statistics", { date_from: date, date_to: date });
  // Today's are those of this day, whichever it is.
  return { ...shown, ...whole, todayAppointments: shown.todayAppointments };
}

/** One line of the whole organisation; nothing for who may not see it. Revenue of few patients is not shown. */
export function organisation({ totalPatients, monthlyRevenue, monthly_currency: currency }) {
  if (totalPatients === undefined) return undefined;
  const revenue = monthlyRevenue === null ? "not shown" : [monthlyRevenue.toFixed(2), currency].filter(Boolean).join(" ");
  return `${totalPatients} patients, revenue of the month: ${revenue}`;
}

/** One line for a change. */
export function line(event) {
  const { id, status, start } = event.appointment ?? event.patient ?? event.data ?? {};
  return [event.type, event.resource, event.action, id, status, start].filter(Boolean).join(" ");
}

/** What a dashboard of appointments follows. */
export const TOPICS = "appointment_created,patient_registered,appointments";

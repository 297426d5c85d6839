// Shows a day and keeps it up to date: reads the appointments and the clinicians once, then follows what happens.
//
//   node dashboard.js DATE [EVENTS [AFTER]]   ends after so many changes; AFTER is where it ended before

import { figures, line, organisation, TOPICS } from "./day.js";
import { follow } from "./events.js";
import { run, server } from "./program.js";

const [date, events = "Infinity", after] = process.argv.slice(2);
await run(async () => {
  const medcor = server();
  const day = await figures(medcor, date);
  console.log(`${date}: ${day.todayAppointments} appointments, ${day.activeDoctors} clinicians`);
  const whole = organisation(day);
  if (whole) console.log(whole);
  let left = Number(events);
  let failed;
  const following = follow(medcor, {
    topics: TOPICS,
    after,
    onEvent(event, last) {
      if (event.type === "heartbeat") return console.log(`following after ${last}`);
      console.log(line(event));
      left -= 1;
      if (left <= 0) following.stop();
    },
    onError(error) {
      failed = error;
      console.error(error.message);
    },
  });
  await following.ended;
  if (left > 0 && failed) throw failed;
  console.log(`ended after ${following.last}`);
});

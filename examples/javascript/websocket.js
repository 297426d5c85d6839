// Subscribes to appointments over a WebSocket, books one over the same connection, and hears of it; then lists the
// tools by MCP over WebSocket.
//
//   node websocket.js PATIENT DOCTOR DATE TIME

import { run, server } from "./program.js";
import { McpSocket, MedCorSocket } from "./socket.js";

await run(async () => {
  const [patient, doctor, date, time] = process.argv.slice(2);
  const { url, token } = server();
  let told;
  const hears = new Promise((resolve) => (told = resolve));
  const socket = await MedCorSocket.open(url, token, (event) => event.type === "appointment_created" && told(event));
  try {
    await socket.subscribe("appointment_created");
    const wanted = { patient_id: patient, doctor_id: doctor, appointment_date: date, appointment_time: time };
    const booked = await socket.invoke("create_appointment", wanted);
    const { appointment } = await hears;
    console.log(`booked ${booked.appointment_id}, and heard of ${appointment.id}: ${appointment.status} ${appointment.start}`);
  } finally {
    socket.close();
  }
  const mcp = await McpSocket.open(url, token);
  const { tools } = await mcp.request("tools/list");
  const { status } = await mcp.call("health_check");
  console.log(`MCP over WebSocket: ${tools.length} tools, the server is ${status}`);
  mcp.close();
});

// The conformance suite sends no Authorization header: this adds one to each request on its way to the server,
// and changes nothing else.
//
// node proxy.mjs HOST:PORT, with the token in MEDCOR_TOKEN; prints its own HOST:PORT.

import http from "node:http";

const [host, port] = process.argv[2].split(":");
const authorization = `Bearer ${process.env.MEDCOR_TOKEN}`;

const proxy = http.createServer((request, response) => {
    const headers = { ...request.headers, authorization };
    const onward = http.request({ host, port, method: request.method, path: request.url, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
});
proxy.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${proxy.address().port}`));

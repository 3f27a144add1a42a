// Sends numbered messages, each when the last was acknowledged:
// node socketio_client.js PORT COUNT TRANSPORTS [COOKIE]
// TRANSPORTS is "polling", "websocket" or "polling,websocket". Says "first" after the first and
// goes on to COUNT when it reads a line. Last line: messages, colors, connections, errors.
'use strict';
const { io } = require('socket.io-client');

const [port, count, transports, cookie] = process.argv.slice(2);
const socket = io(`http://127.0.0.1:${port}`, {
  transports: transports.split(','),
  extraHeaders: cookie ? { Cookie: cookie } : {},
  retries: 20,          // a message whose acknowledgement is lost with its connection is sent again
  ackTimeout: 5000,
  reconnectionDelay: 20,
  reconnectionDelayMax: 100,
});
const colors = new Set();
let connections = 0;
let errors = 0;
let transport = '';

function number(value) {
  return new Promise((resolve, reject) => {
    socket.emit('number', value, (error, answer) => {
      if (error || answer.value !== value) return reject(error || new Error('another answer'));
      colors.add(answer.color);
      return resolve();
    });
  });
}
async function numbers() {
  await number(0);
  console.log('first');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  for (let value = 1; value < Number(count); value += 1) await number(value);
  console.log(`messages=${count} colors=${[...colors].sort().join(',')} ` +
    `connections=${connections} errors=${errors} transport=${transport}`);
  process.exit(0);
}
socket.on('connect', () => {
  connections += 1;
  transport = socket.io.engine.transport.name;
  socket.io.engine.on('upgrade', (to) => { transport = to.name; });
});
socket.on('connect_error', () => { errors += 1; });
socket.on('disconnect', () => { errors += 1; });
numbers().catch((error) => { console.log(`failed: ${error.message}`); process.exit(1); });

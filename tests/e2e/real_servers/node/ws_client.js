// Sends messages of many sizes, each when the last came back:
// node ws_client.js PORT COUNT [deflate]
// Says "first" after the first; goes on to COUNT when it reads a line. Last line: what was agreed.
'use strict';
const WebSocket = require('ws');

const [port, count, deflate] = process.argv.slice(2);
const perMessageDeflate = deflate === 'deflate';
const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, { perMessageDeflate });
let color = '';
let sent = 0;
let message;

function next() {
  const size = [1, 125, 126, 5000, 65535, 65536, 300000][sent % 7];
  message = Buffer.alloc(size, `message ${sent} `);
  sent += 1;
  socket.send(message, { binary: sent % 2 === 0 });
}
socket.on('upgrade', (response) => { color = response.headers['x-color']; });
socket.on('open', next);
socket.on('message', (data) => {
  if (!message.equals(data)) throw new Error(`message ${sent} came back otherwise`);
  if (sent === 1) return console.log('first');
  if (sent < Number(count)) return next();
  console.log(`color=${color} messages=${sent} extensions=${socket.extensions || 'none'}`);
  return socket.close();
});
socket.on('close', (code) => process.exit(code === 1005 && sent === Number(count) ? 0 : 1));
process.stdin.once('data', next);

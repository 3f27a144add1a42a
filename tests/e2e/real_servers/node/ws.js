// A WebSocket server with permessage-deflate that sends back what comes: node ws.js PORT
'use strict';
const http = require('http');
const { WebSocketServer } = require('ws');
const { application } = require('./http.js');

const server = http.createServer(application);
const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
sockets.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
sockets.on('headers', (fields) => fields.push(`X-Color: ${process.env.COLOR}`));
server.listen(Number(process.argv[2]), '127.0.0.1');

// socket.io: answers "color" and counts numbered messages: node socketio.js PORT
'use strict';
const http = require('http');
const { Server } = require('socket.io');
const { application } = require('./http.js');

const server = http.createServer(application);
const io = new Server(server, { pingInterval: 2000, pingTimeout: 10000 });
io.on('connection', (socket) => {
  socket.on('number', (value, done) => done({ value, color: process.env.COLOR }));
});
server.listen(Number(process.argv[2]), '127.0.0.1');

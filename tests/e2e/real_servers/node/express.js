// The application of these tests on express, by its own means: node express.js PORT
'use strict';
const crypto = require('crypto');
const express = require('express');

const app = express();
app.set('trust proxy', 'loopback');
app.use((request, response, next) => {
  response.set('X-Color', process.env.COLOR);
  next();
});
const pattern = (request) => Buffer.alloc(Number(request.query.n || 0), '0123456789abcdef');

app.get('/bytes', (request, response) => { response.type('text/plain').send(pattern(request)); });
app.get('/stream', (request, response) => {
  const body = pattern(request);
  for (let at = 0; at < body.length; at += 10000) response.write(body.subarray(at, at + 10000));
  response.end();
});
app.post('/echo', express.raw({ type: () => true, limit: '10mb' }), (request, response) => {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const sum = crypto.createHash('sha256').update(body).digest('hex');
  response.type('text/plain').send(`bytes=${body.length} sha256=${sum}`);
});
app.all('/status', (request, response) => {
  const code = Number(request.query.code);
  if (code === 302) return response.redirect(`http://${request.headers.host}/elsewhere`);
  return response.status(code).type('text/plain').send(`status ${code}`);
});
app.get('/cookies', (request, response) => {
  response.cookie('a', '1').cookie('b', '2', { httpOnly: true }).send('two');
});
app.get('/fields', (request, response) => {
  const lines = Object.entries(request.headers).map(([name, value]) => `${name}=${value}\n`);
  lines.push(`scheme=${request.protocol}\n`, `ip=${request.ip}\n`);
  response.type('text/plain').send(lines.join(''));
});
app.listen(Number(process.argv[2]), '127.0.0.1');

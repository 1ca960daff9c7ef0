// SPDX-License-Identifier: MIT
// A real synctv-server, people who use it through @grpc/grpc-js, and TAP.
//
// Each wait is for an event and has a deadline; nothing sleeps to let something happen.
'use strict';

const assert = require('node:assert/strict');
const {spawn, spawnSync} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

let grpc, protoLoader;
try {
  grpc = require('@grpc/grpc-js');
  protoLoader = require('@grpc/proto-loader');
} catch {
  console.log('1..0 # SKIP npm ci has to be run in tests/integration/node');
  process.exit(0);
}

if (process.argv.length !== 4) {
  console.error(`usage: ${process.argv[1]} SYNCTV_SERVER PROTO_DIR`);
  process.exit(2);
}
const [serverBinary, protoDir] = process.argv.slice(2).map((file) => path.resolve(file));
const DEADLINE_MS = 30_000;
const PASSWORD = 'correct horse';

const definition = protoLoader.loadSync(
  ['client.proto', 'models.proto'],
  {includeDirs: [protoDir], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true});
const {ClientService} = grpc.loadPackageDefinition(definition).synctv.client;
const called = new Set();

function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---- the server ----

class Server {
  static async start(config = {}) {
    const server = new Server();
    server.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'synctv-test-'));
    server.db = `sqlite:${server.directory}/synctv.db`;
    const file = path.join(server.directory, 'synctv.ini');
    fs.writeFileSync(file, Object.entries(config).map(([section, keys]) =>
      `[${section}]\n` + Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')).join(''));
    server.process = spawn(serverBinary, ['--listen', '127.0.0.1:0', '--db', server.db, '--config', file],
      {stdio: ['ignore', 'pipe', 'pipe']});
    server.stderr = '';
    server.process.stderr.on('data', (data) => { server.stderr += data; });
    server.ended = new Promise((resolve) => server.process.on('close', (code, signal) => resolve(signal ?? code)));
    process.once('exit', () => server.remove());
    const ready = await within(server.readyLine(), 'the ready line');
    server.address = /^ready grpc=(\S+) /.exec(ready)[1];
    return server;
  }

  readyLine() {
    return new Promise((resolve, reject) => {
      let text = '';
      this.process.stdout.on('data', (data) => {
        text += data;
        if (text.includes('\n'))
          resolve(text);
      });
      this.ended.then((status) => reject(new Error(`the server ended with ${status}: ${this.stderr}`)));
    });
  }

  // The ordinary end: exit 0 and nothing bad on stderr.
  async stop() {
    this.process.kill('SIGTERM');
    assert.equal(await within(this.ended, 'the end of the server'), 0, this.stderr);
    assert.doesNotMatch(this.stderr, /Sanitizer|runtime error:| error /);
  }

  remove() {
    if (this.process.exitCode === null)
      this.process.kill('SIGKILL');
    fs.rmSync(this.directory, {recursive: true, force: true});
  }

  command(...args) {
    const done = spawnSync(serverBinary, [...args, '--db', this.db],
      {input: `${PASSWORD}\n`, timeout: DEADLINE_MS, encoding: 'utf8'});
    assert.equal(done.status, 0, done.stderr);
  }
}

// ---- errors ----

// One field after the other of a protobuf message: enough for google.rpc.Status, whose parts are all varints and bytes.
function* fields(data) {
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = data[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < data.length) {
    const tag = varint(), length = varint();
    if (tag % 8 === 0) {
      yield [tag >> 3, length];
    } else {
      yield [tag >> 3, data.subarray(at, at + length)];
      at += length;
    }
  }
}

// What a failed call says: {code, reason, domain, metadata}.
function explain(error) {
  const told = {code: grpc.status[error.code], reason: '', domain: '', metadata: {}};
  for (const status of error.metadata?.get('grpc-status-details-bin') ?? []) {
    for (const [number, any] of fields(status)) {
      const {1: url, 2: value} = number === 3 ? Object.fromEntries(fields(any)) : {};
      if (!url?.toString().endsWith('/google.rpc.ErrorInfo'))
        continue;
      for (const [part, data] of fields(value)) {
        if (part === 1)
          told.reason = data.toString();
        else if (part === 2)
          told.domain = data.toString();
        else
          told.metadata[Object.fromEntries(fields(data))[1]] = Object.fromEntries(fields(data))[2].toString();
      }
    }
  }
  return told;
}

async function fails(code, reason, promise, field) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    if (error.code === undefined)
      throw error;
    const told = explain(error);
    assert.deepEqual({...told, metadata: told.metadata.field}, {code, reason, domain: 'synctv', metadata: field});
    return told;
  }
  throw new Error(`${code}/${reason} was expected, but there came ${JSON.stringify(answer)}`);
}

// ---- streams ----

class Stream {
  constructor(client, metadata) {
    this.came = [];
    this.taken = 0;
    this.waiting = [];
    this.count = 0;
    this.call = client.MessageStream(metadata);
    this.call.on('data', (message) => {
      this.came.push(message);
      this.wake();
    });
    this.call.on('error', () => {}); // on('status') tells the same
    this.ended = new Promise((resolve) => this.call.on('status', (status) => {
      this.status = status;
      resolve(status);
      this.wake();
    }));
  }

  wake() {
    for (const resolve of this.waiting.splice(0))
      resolve();
  }

  send(payload, messageId = `n${++this.count}`) {
    this.call.write({message_id: messageId, ...payload});
    return messageId;
  }

  async next() {
    while (this.taken === this.came.length) {
      assert.equal(this.status, undefined, `the stream has ended with ${this.status?.details}`);
      await new Promise((resolve) => this.waiting.push(resolve));
    }
    return this.came[this.taken++];
  }

  // The first payload of this kind with these values; what comes before it is dropped.
  expect(kind, values = {}) {
    const search = async () => {
      for (;;) {
        const message = await this.next();
        const payload = message[kind];
        if (message.payload === kind && Object.entries(values).every(([key, value]) => payload[key] === value))
          return payload;
      }
    };
    return within(search(), `${kind} ${JSON.stringify(values)}; there came ${JSON.stringify(this.came).slice(-2000)}`);
  }

  async endsWith(code, reason) {
    const status = await within(this.ended, 'the end of the stream');
    const told = explain(status);
    assert.deepEqual([told.code, told.reason], [code, reason]);
  }

  async close() {
    this.call.end();
    const status = await within(this.ended, 'the end of the stream');
    assert.equal(status.code, grpc.status.OK, status.details);
  }
}

// ---- people ----

// await alice.CreateRoom({name: 'Movie night'})
class Person {
  constructor(server) {
    this.client = new ClientService(server.address, grpc.credentials.createInsecure(),
      {'grpc.use_local_subchannel_pool': 1});
    for (const [name, method] of Object.entries(ClientService.service)) {
      if (!method.requestStream)
        this[name] = (request = {}) => this.call(name, request);
    }
  }

  metadata(extra = {}) {
    const metadata = new grpc.Metadata();
    if (this.access_token)
      metadata.set('authorization', `Bearer ${this.access_token}`);
    for (const [key, value] of Object.entries(extra))
      metadata.set(key, value);
    return metadata;
  }

  call(name, request) {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      this.client[name](request, this.metadata(), {deadline}, (error, answer) => {
        if (!error || error.code === grpc.status.UNIMPLEMENTED)
          called.add(name);
        if (error)
          reject(error);
        else
          resolve(answer);
      });
    });
  }

  take(answer) {
    Object.assign(this, {access_token: answer.access_token, refresh_token: answer.refresh_token});
    if (answer.user)
      Object.assign(this, {id: answer.user.id, name: answer.user.username});
    return answer;
  }

  stream(roomId, password) {
    called.add('MessageStream');
    return new Stream(this.client, this.metadata({
      ...(roomId && {'x-room-id': roomId}), ...(password && {'x-room-password': password})}));
  }
}

async function register(server, username) {
  const person = new Person(server);
  person.take(await person.Register({username, password: PASSWORD}));
  return person;
}

async function login(server, username, password = PASSWORD) {
  const person = new Person(server);
  person.take(await person.Login({username, password}));
  return person;
}

// ---- TAP ----

const tests = [];

function test(name, run) {
  tests.push({name, run});
}

async function runAll() {
  console.log(`1..${tests.length}`);
  let failed = 0;
  for (const [index, {name, run}] of tests.entries()) {
    try {
      await within(run(), 'the end of the test', 2 * DEADLINE_MS);
      console.log(`ok ${index + 1} - ${name}`);
    } catch (error) {
      failed++;
      console.log(`not ok ${index + 1} - ${name}`);
      console.log(String(error.stack).replace(/^/gm, '# '));
    }
  }
  process.exit(failed === 0 ? 0 : 1);
}

module.exports = {
  assert, called, ClientService, fails, grpc, login, PASSWORD, Person, register, runAll, Server, test};

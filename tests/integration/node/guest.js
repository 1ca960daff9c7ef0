#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Somebody who is told what to do, by a line of JSON each, and answers with one: {"ok": …} or {"failed": "…"}.
//   {"register": "alice", "at": "127.0.0.1:50051"}    {"call": "JoinRoom", "with": {"room_id": "…"}}
//   {"stream": "the room"}    {"send": {"chat": {"content": "hi"}}}    {"expect": "chat", "with": {"content": "hi"}}
//   {"ends": ["PERMISSION_DENIED", "MEMBER_KICKED"]}
'use strict';

const readline = require('node:readline');
const {register} = require('./harness');

let person, stream;

async function act(line) {
  if (line.register) {
    person = await register({address: line.at}, line.register);
    return {id: person.id};
  }
  if (line.call)
    return person[line.call](line.with);
  if (line.stream) {
    stream = person.stream(line.stream);
    return {};
  }
  if (line.send)
    return {message_id: stream.send(line.send)};
  if (line.expect)
    return stream.expect(line.expect, line.with);
  await stream.endsWith(...line.ends);
  return {};
}

readline.createInterface({input: process.stdin}).on('line', async (line) => {
  let answer;
  try {
    answer = {ok: await act(JSON.parse(line))};
  } catch (error) {
    answer = {failed: String(error.stack)};
  }
  console.log(JSON.stringify(answer));
}).on('close', () => process.exit(0));

// SPDX-License-Identifier: MIT
// A peer to compare with: @grpc/grpc-js as an echo server, and for fan-out. Messages are bytes; a delivery has as many as the argument says.
'use strict';
const grpc = require('@grpc/grpc-js');

const same = (bytes) => bytes;
const method = (name, isStream) => ({
  path: '/bench.Bench/' + name, requestStream: isStream, responseStream: isStream,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});
const delivery = Buffer.alloc(Number(process.argv[2] || 105), 'x');
const streams = new Set();

const server = new grpc.Server({ 'grpc.max_concurrent_streams': 100000 });
server.addService({ Echo: method('Echo', false), Say: method('Say', false), Stream: method('Stream', true) }, {
  Echo: (call, done) => done(null, call.request),
  Say: (call, done) => {
    for (const stream of streams) stream.write(delivery);
    done(null, call.request);
  },
  Stream: (stream) => {
    const leave = () => streams.delete(stream);
    streams.add(stream);
    stream.on('data', () => {});
    stream.on('end', () => { leave(); stream.end(); });
    stream.on('cancelled', leave);
    stream.on('error', leave);
    stream.write(delivery);
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log('ready port=' + port);
});

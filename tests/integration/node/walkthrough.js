#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// One evening with every method of ClientService, watched through several streams at once, by a client that shares no
// code with gRPC's C core.
'use strict';

const {assert, called, ClientService, fails, login, PASSWORD, Person, register, runAll, Server, test} =
  require('./harness');

let server, alice, bob, carol, room;
const streams = {};
const movies = [];

const everybody = (kind, values) => Promise.all(Object.values(streams).map((stream) => stream.expect(kind, values)));
const movie = (name, more = {}) => ({name, url: 'https://example.org/movie.mp4', duration: 600, ...more});

test('the server starts', async () => {
  const limits = ['login_per_minute', 'login_per_minute_per_address', 'register_per_hour', 'hash_per_minute',
    'calls_per_second', 'control_per_second', 'ping_per_second'];
  server = await Server.start({limits: Object.fromEntries(limits.map((name) => [name, 0]))});
});

test('accounts: Register, Login, GetProfile, RefreshToken, ChangePassword, Logout', async () => {
  alice = await register(server, 'alice');
  bob = await register(server, 'Bøb 🎬');
  carol = await register(server, 'carol');
  const {user} = await alice.GetProfile();
  assert.deepEqual([user.id, user.username, user.role, user.status],
    [alice.id, 'alice', 'USER_ROLE_USER', 'USER_STATUS_ACTIVE']);
  const phone = await login(server, 'ALICE');
  assert.equal(phone.id, alice.id);
  const old = phone.access_token;
  assert.equal(phone.take(await phone.RefreshToken({refresh_token: phone.refresh_token})).expires_in, 3600);
  assert.notEqual(phone.access_token, old);
  await phone.Logout();
  await fails('UNAUTHENTICATED', 'SESSION_ENDED', phone.GetProfile());
  const other = await login(server, 'carol');
  assert.equal((await carol.ChangePassword({old_password: PASSWORD, new_password: 'battery staple'})).success, true);
  await fails('UNAUTHENTICATED', 'SESSION_ENDED', other.GetProfile());
  await fails('UNAUTHENTICATED', 'LOGIN_FAILED', new Person(server).Login({username: 'carol', password: PASSWORD}));
  await fails('UNAUTHENTICATED', 'TOKEN_MISSING', new Person(server).GetProfile());
});

test('rooms: CreateRoom, JoinRoom, GetRoomInfo, ListRooms, ListMembers', async () => {
  ({room} = await alice.CreateRoom({name: 'Movie night', description: 'Every Friday', settings: {max_members: 20}}));
  assert.deepEqual([room.name, room.settings.max_members, room.creator_id], ['Movie night', 20, alice.id]);
  streams.alice = alice.stream(room.id);
  const snapshot = (await streams.alice.next()).room_state;
  assert.deepEqual([snapshot.room_id, snapshot.cause], [room.id, 'STATE_CAUSE_SNAPSHOT']);
  streams.carol = carol.stream(); // unbound: it follows what she joins
  const joined = await bob.JoinRoom({room_id: room.id});
  assert.deepEqual([joined.member.role, joined.member.permissions], ['ROOM_ROLE_MEMBER', 0x70000000017]);
  await carol.JoinRoom({room_id: room.id});
  await streams.carol.expect('room_state', {room_id: room.id, cause: 'STATE_CAUSE_SNAPSHOT'});
  streams.bob = bob.stream(room.id);
  await streams.bob.expect('room_state', {cause: 'STATE_CAUSE_SNAPSHOT'});
  await streams.alice.expect('member', {change: 'MEMBER_CHANGE_JOINED', actor_id: bob.id});
  const info = await bob.GetRoomInfo({room_id: room.id});
  assert.deepEqual([info.room.member_count, info.members.length], [3, 3]);
  assert.deepEqual((await bob.ListRooms({search: 'night'})).rooms.map(({id}) => id), [room.id]);
  const page = await bob.ListMembers({room_id: room.id, page_size: 2});
  assert.deepEqual([page.total, page.members.length], [3, 2]);
  const rest = await bob.ListMembers({room_id: room.id, page_size: 2, page_token: page.next_page_token});
  assert.deepEqual(rest.members.map(({username}) => username), ['carol']);
});

test('playlist: AddMovie, GetMovieList, UpdateMovie, MoveMovie, RemoveMovie', async () => {
  for (const name of ['Big Buck Bunny', 'Sintel', 'Tears of Steel']) {
    const added = (await alice.AddMovie({room_id: room.id, movie: movie(name, {
      headers: {Referer: 'https://example.org'},
      subtitles: [{name: 'en', url: 'https://example.org/en.vtt', format: 'vtt'}],
    })})).movie;
    assert.equal(added.headers.Referer, 'https://example.org');
    movies.push(added);
    for (const told of await everybody('movies', {change: 'LIST_CHANGE_ADDED'}))
      assert.deepEqual(told.movie, added);
  }
  const changed = await alice.UpdateMovie(
    {room_id: room.id, fields: ['name'], movie: {id: movies[1].id, name: 'Renamed'}});
  assert.deepEqual([changed.movie.name, changed.movie.url], ['Renamed', movies[1].url]);
  await everybody('movies', {change: 'LIST_CHANGE_CHANGED'});
  assert.equal((await alice.MoveMovie({room_id: room.id, movie_id: movies[2].id, position: 0})).movie.position, 0);
  await everybody('movies', {change: 'LIST_CHANGE_MOVED'});
  await alice.RemoveMovie({room_id: room.id, movie_id: movies[1].id});
  await everybody('movies', {change: 'LIST_CHANGE_REMOVED'});
  const list = await bob.GetMovieList({room_id: room.id});
  assert.deepEqual([list.total, list.movies.map(({id}) => id)], [2, [movies[2].id, movies[0].id]]);
  await fails('INVALID_ARGUMENT', 'INVALID_ARGUMENT',
    alice.AddMovie({room_id: room.id, movie: movie('x', {url: 'file:///etc/passwd'})}), 'movie.url');
});

test('playback: SetCurrentMovie, Play, Pause, Seek, SetPlaybackRate are the same for all', async () => {
  let version = 0;
  const check = async (answer, cause, values) => {
    for (const told of await everybody('room_state', {cause: `STATE_CAUSE_${cause}`})) {
      for (const key of ['movie_id', 'status', 'rate', 'version', 'node_id'])
        assert.deepEqual(told[key], answer.state[key], key);
    }
    for (const [key, value] of Object.entries(values))
      assert.equal(answer.state[key], value, key);
    assert.ok(answer.state.version > version);
    version = answer.state.version;
  };
  const at = {room_id: room.id};
  await check(await alice.SetCurrentMovie({...at, movie_id: movies[0].id}), 'MOVIE', {movie_id: movies[0].id});
  await check(await alice.Play({...at, position: 10}), 'PLAY', {status: 'PLAYBACK_STATUS_PLAYING'});
  await check(await alice.Seek({...at, position: 100}), 'SEEK', {});
  await check(await alice.SetPlaybackRate({...at, rate: 1.5}), 'RATE', {rate: 1.5});
  await check(await alice.Pause({...at, position: 42.5}), 'PAUSE', {current_time: 42.5});
  await fails('PERMISSION_DENIED', 'PERMISSION_DENIED', bob.Play(at));
  await fails('ABORTED', 'VERSION_CONFLICT', alice.Play({...at, expected_version: version - 1}));
  const refused = streams.alice.send({seek: {position: 1, expected_version: version - 1}});
  assert.equal((await streams.alice.expect('error', {in_reply_to: refused})).code, 'VERSION_CONFLICT');
  assert.equal((await streams.alice.expect('room_state')).cause, 'STATE_CAUSE_RESYNC');
  const operation = streams.alice.send({play_control: {action: 'PLAY_ACTION_PLAY', rate: 2}});
  for (const told of await everybody('room_state', {cause: 'STATE_CAUSE_PLAY'}))
    assert.deepEqual([told.operation_id, told.rate, told.actor_id], [operation, 2, alice.id]);
});

test('streams: chat, danmaku, ping, status', async () => {
  for (const [name, stream] of Object.entries(streams)) {
    const id = stream.send({chat: {room_id: room.id, content: `hello from ${name} 🎉`}});
    for (const told of await everybody('chat', {client_message_id: id, content: `hello from ${name} 🎉`}))
      assert.ok(told.seq > 0);
  }
  streams.bob.send({danmaku: {content: 'wow', video_time: 12.5, color: '#ff8800', position: 'DANMAKU_POSITION_TOP'}});
  await everybody('danmaku', {content: 'wow', video_time: 12.5, font_size: 25});
  const before = Date.now();
  streams.bob.send({ping: {client_time: before}});
  const pong = await streams.bob.expect('pong', {client_time: before});
  assert.ok(pong.server_recv_time <= pong.server_send_time && Math.abs(pong.server_recv_time - before) < 60_000);
  streams.bob.send({status: {movie_id: movies[0].id, position: 500}});
  await streams.bob.expect('room_state', {cause: 'STATE_CAUSE_RESYNC'});
  const bad = streams.bob.send({chat: {content: ''}});
  assert.equal((await streams.bob.expect('error', {in_reply_to: bad})).details.field, 'content');
});

test('chat: GetChatHistory, DeleteChatMessage', async () => {
  const {messages} = await carol.GetChatHistory({room_id: room.id});
  assert.deepEqual(messages.map(({seq}) => seq), [3, 2, 1]);
  await alice.DeleteChatMessage({room_id: room.id, message_id: messages[1].message_id});
  await everybody('chat_deleted', {message_id: messages[1].message_id, seq: 4});
  assert.deepEqual((await carol.GetChatHistory({room_id: room.id, limit: 10})).messages.length, 2);
});

test('members: UpdateRoom, Approve-, Kick-, Ban-, UnbanMember, SetMemberRole, SetMemberPermissions', async () => {
  const at = {room_id: room.id};
  const {room: changed} = await alice.UpdateRoom({...at, fields: ['name', 'settings'], password: 'sesame',
    room: {name: 'Film club', settings: {require_approval: true, allow_guests: true}}});
  assert.deepEqual([changed.name, changed.has_password, changed.description], ['Film club', true, 'Every Friday']);
  await everybody('room', {deleted: false});
  const dave = await register(server, 'dave');
  await fails('PERMISSION_DENIED', 'ROOM_PASSWORD_WRONG', dave.JoinRoom({...at, password: 'wrong'}));
  const guest = dave.stream(room.id, 'sesame');
  await guest.expect('room_state', {cause: 'STATE_CAUSE_SNAPSHOT'});
  await guest.close();
  const waiting = dave.stream();
  assert.equal((await dave.JoinRoom({...at, password: 'sesame'})).member.status, 'MEMBER_STATUS_PENDING');
  assert.equal((await alice.ApproveMember({...at, user_id: dave.id})).member.status, 'MEMBER_STATUS_ACTIVE');
  await waiting.expect('room_state', {room_id: room.id, cause: 'STATE_CAUSE_SNAPSHOT'});
  const {member} = await alice.SetMemberRole({...at, user_id: dave.id, role: 'ROOM_ROLE_ADMIN'});
  assert.equal(member.permissions, 0x703C0701CFF);
  await everybody('member', {change: 'MEMBER_CHANGE_ROLE'});
  await alice.SetMemberPermissions({...at, user_id: bob.id, added: 1 << 10});
  await everybody('member', {change: 'MEMBER_CHANGE_PERMISSIONS'});
  await bob.Pause(at);
  await alice.SetMemberRole({...at, user_id: dave.id, role: 'ROOM_ROLE_MEMBER'});
  await alice.KickMember({...at, user_id: dave.id, reason: 'too loud'});
  await everybody('member', {change: 'MEMBER_CHANGE_KICKED', reason: 'too loud'});
  const told = await fails('PERMISSION_DENIED', 'MEMBER_KICKED', dave.JoinRoom({...at, password: 'sesame'}));
  assert.ok(Number(told.metadata.retry_after_ms) > 0);
  assert.equal((await alice.BanMember({...at, user_id: dave.id})).member.status, 'MEMBER_STATUS_BANNED');
  await streams.alice.expect('member', {change: 'MEMBER_CHANGE_BANNED'});
  await fails('PERMISSION_DENIED', 'MEMBER_BANNED', dave.JoinRoom({...at, password: 'sesame'}));
  await alice.UnbanMember({...at, user_id: dave.id});
  await streams.alice.expect('member', {change: 'MEMBER_CHANGE_UNBANNED'});
  await waiting.close();
});

test('the end of a room: LeaveRoom, ClearMovies, TransferRoom, DeleteRoom', async () => {
  const at = {room_id: room.id};
  await carol.LeaveRoom(at);
  await streams.carol.close();
  delete streams.carol;
  await everybody('member', {change: 'MEMBER_CHANGE_LEFT'});
  await fails('FAILED_PRECONDITION', 'CREATOR_CANNOT_LEAVE', alice.LeaveRoom(at));
  assert.equal((await alice.ClearMovies(at)).removed, 2);
  await everybody('movies', {change: 'LIST_CHANGE_CLEARED'});
  assert.equal((await alice.TransferRoom({...at, user_id: bob.id})).room.creator_id, bob.id);
  await fails('PERMISSION_DENIED', 'PERMISSION_DENIED', alice.DeleteRoom(at));
  await bob.DeleteRoom(at);
  await everybody('room', {deleted: true});
  await Promise.all(Object.values(streams).map((stream) => stream.endsWith('NOT_FOUND', 'ROOM_NOT_FOUND')));
  await fails('NOT_FOUND', 'ROOM_NOT_FOUND', alice.GetRoomInfo(at));
});

test('administration: ListUsers, SetUserStatus', async () => {
  server.command('user', 'add', 'root', '--role', 'root');
  const root = await login(server, 'root');
  assert.deepEqual((await root.ListUsers({page_size: 1})).users.map(({username}) => username), ['root']);
  const stream = carol.stream();
  stream.send({ping: {client_time: 1}});
  await stream.expect('pong');
  assert.equal((await root.SetUserStatus({user_id: carol.id, status: 'USER_STATUS_BANNED'})).user.status,
    'USER_STATUS_BANNED');
  await stream.endsWith('UNAUTHENTICATED', 'SESSION_ENDED');
  await fails('PERMISSION_DENIED', 'USER_BANNED',
    new Person(server).Login({username: 'carol', password: 'battery staple'}));
});

test('live pictures say UNIMPLEMENTED until they exist', async () => {
  for (const method of ['CreatePublishKey', 'GetPlayUrl', 'StopLive'])
    await fails('UNIMPLEMENTED', 'UNIMPLEMENTED', alice[method]({room_id: 'AAAAAAAAAAAA', movie_id: 'AAAAAAAAAAAA'}));
});

test('every method of the service was called', async () => {
  assert.deepEqual(Object.keys(ClientService.service).filter((name) => !called.has(name)), []);
});

test('the server ends, and streams with it', async () => {
  const stream = bob.stream();
  stream.send({ping: {client_time: 1}});
  await stream.expect('pong');
  await Promise.all([server.stop(), stream.endsWith('UNAVAILABLE', 'SHUTTING_DOWN')]);
});

runAll();

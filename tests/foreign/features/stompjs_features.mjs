// @stomp/stompjs in Node: node stompjs_features.mjs MQTT_PORT WEBSOCKET_PORT

import { Client } from '@stomp/stompjs';
import { WebSocket } from 'ws';
import { play } from './stompjs_play.mjs';

Object.assign(globalThis, { WebSocket });
const lines = await play(Client, `ws://127.0.0.1:${process.argv[3]}/`);
console.log(lines.join('\n'));
process.exit(lines.every(line => line.startsWith('ok ')) ? 0 : 1);

// Every feature of MQTT.js that a broker takes part in: node mqttjs_features.mjs TCP_PORT WEBSOCKET_PORT
//
// One function a feature; each is played in every version of MQTT that has it, over TCP and over WebSocket. Prints
// `ok NAME`, or `FAILED NAME` and why.

import './mqttjs_any_version.mjs';
import './mqttjs_version_5.mjs';
import { Case, features } from './mqttjs_stage.mjs';

const [tcp, ws] = process.argv.slice(2);
const places = Object.entries({ tcp: `mqtt://127.0.0.1:${tcp}`, ws: `ws://127.0.0.1:${ws}/` });
const cases = places.flatMap(place => features.flatMap(({ versions, play }) => (
  versions.map(version => ({ play, version, place })))));
const results = await Promise.all(cases.map(({ play, version, place }, number) => (
  new Case(play, version, place, number).run())));
console.log(results.join('\n'));
process.exit(results.some(result => result.startsWith('FAILED')) ? 1 : 0);

// Drives MQTT.js: MQTT 3.1, 3.1.1 and 5.0, over whatever the URL says (ws://, mqtt://, mqtts://).
//
//   connect     {url, version: "3.1" | "3.1.1" | "5", client_id, clean, session_expiry, topic_alias_maximum,
//               user_name, password, authentication: {method, data}, web}
//               -> connected {session_present}
//   subscribe   {topic, qos, retain_as_published, retain_handling, no_local, subscription_id} -> subscribed {granted}
//   publish     {topic, payload, qos, retain, properties} -> published, once acknowledged (QoS 0: once written)
//   traffic     {} -> traffic {extensions, read, written}, of the WebSocket
//   disconnect  {} -> closed
//
// `web` is told of in web_socket.mjs; its certificates are for mqtts:// as well.
// Each message: message {topic, payload, qos, retain, dup, properties}.

import mqtt from 'mqtt';
import { openWebSocket, traffic } from './web_socket.mjs';
import { emit, fromBase64, serve, toBase64 } from './wire.mjs';

const PROTOCOLS = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
  '5': { protocolId: 'MQTT', protocolVersion: 5 },
};

const clients = new Map();
const sockets = new Map();

serve({
  connect({
    as, url, version, client_id, clean = true, session_expiry, topic_alias_maximum, user_name, password, authentication,
    web,
  }) {
    const properties = {
      sessionExpiryInterval: session_expiry,
      topicAliasMaximum: topic_alias_maximum,
      authenticationMethod: authentication?.method,
      authenticationData: authentication && Buffer.from(authentication.data),
    };
    const { ca, cert, key } = web ?? {};
    const client = mqtt.connect(url, {
      ...PROTOCOLS[version],
      clientId: client_id,
      clean,
      username: user_name,
      password,
      ca,
      cert,
      key,
      reconnectPeriod: 0,
      properties: version === '5' ? withoutUndefined(properties) : undefined,
      createWebsocket(address, protocols) {
        const socket = openWebSocket(address, protocols, web);
        sockets.set(as, socket);
        return socket;
      },
    });
    clients.set(as, client);
    client.on('connect', connack => emit('connected', as, { session_present: connack.sessionPresent }));
    client.on('error', error => emit('error', as, { message: String(error), code: error.code }));
    client.on('disconnect', packet => emit('error', as, {
      message: `the broker disconnected: ${packet.properties?.reasonString}`,
      code: packet.reasonCode,
    }));
    client.on('close', () => emit('closed', as));
    client.on('message', (topic, payload, packet) => emit('message', as, {
      topic,
      payload: toBase64(payload),
      qos: packet.qos,
      retain: packet.retain,
      dup: packet.dup,
      properties: readProperties(packet.properties ?? {}),
    }));
  },

  async subscribe({ as, topic, qos, retain_as_published, retain_handling, no_local, subscription_id }) {
    const granted = await clients.get(as).subscribeAsync(topic, withoutUndefined({
      qos,
      rap: retain_as_published,
      rh: retain_handling,
      nl: no_local,
      properties: subscription_id && { subscriptionIdentifier: subscription_id },
    }));
    emit('subscribed', as, { granted: granted[0]?.qos });
  },

  async publish({ as, topic, payload, qos, retain = false, properties }) {
    await clients.get(as).publishAsync(topic, fromBase64(payload), withoutUndefined({
      qos,
      retain,
      properties: properties && writeProperties(properties),
    }));
    emit('published', as);
  },

  traffic({ as }) {
    emit('traffic', as, traffic(sockets.get(as)));
  },

  async disconnect({ as }) {
    await clients.get(as).endAsync();
  },
});

function readProperties(properties) {
  const user = [];
  for (const [name, values] of Object.entries(properties.userProperties ?? {})) {
    for (const value of [values].flat()) user.push([name, value]);
  }
  return withoutUndefined({
    payload_format: properties.payloadFormatIndicator === undefined ? undefined : Number(properties.payloadFormatIndicator),
    expiry: properties.messageExpiryInterval,
    content_type: properties.contentType,
    response_topic: properties.responseTopic,
    correlation: properties.correlationData && toBase64(properties.correlationData),
    user: user.length > 0 ? user : undefined,
    subscription_ids: properties.subscriptionIdentifier && [properties.subscriptionIdentifier].flat(),
  });
}

function writeProperties(properties) {
  const userProperties = {};
  for (const [name, value] of properties.user ?? []) (userProperties[name] ??= []).push(value);
  return withoutUndefined({
    payloadFormatIndicator: properties.payload_format === undefined ? undefined : properties.payload_format === 1,
    messageExpiryInterval: properties.expiry,
    contentType: properties.content_type,
    responseTopic: properties.response_topic,
    correlationData: properties.correlation && fromBase64(properties.correlation),
    userProperties: properties.user && userProperties,
  });
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

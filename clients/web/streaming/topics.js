// The topics of a stream, which is named by its id. The filters of all streams' are beside them.

const ROOT = 'demo/streaming';

export const topics = {
  /** Retained, for some seconds: that there is this stream. */
  about: id => `${ROOT}/${id}/about`,
  /** The pictures. */
  frames: id => `${ROOT}/${id}/frames`,
  /** Viewers ask what time it is there. */
  clock: id => `${ROOT}/${id}/clock`,
  /** How a viewer gets on. */
  viewer: (id, name) => `${ROOT}/${id}/viewers/${name}`,
  /** Where a viewer is told the time. */
  answer: name => `${ROOT}-answers/${name}`,
};

export const filters = { about: topics.about('+'), viewers: topics.viewer('+', '+') };

/** What a topic is about: the stream's id, and the viewer's name if there is one. */
export function readTopic(topic) {
  const [id, kind, name] = topic.slice(ROOT.length + 1).split('/');
  return { id, kind, name };
}

// The camera as a source of frames.

/** Asks for the camera; `draw` draws what it sees now, `stop` turns it off. Throws an Error that says what is wrong. */
export async function openCamera() {
  if (!navigator.mediaDevices) throw new Error('A page may use the camera only by https, or from this very machine.');
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } }).catch(error => {
    throw new Error(error.name === 'NotAllowedError' ? 'The camera was not allowed.' : 'There is no camera to be had.');
  });
  const video = document.createElement('video');
  Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  return {
    /** Fills the frame, and cuts off what is over. */
    draw(context, { width, height }) {
      const scale = Math.max(width / video.videoWidth, height / video.videoHeight);
      const [across, down] = [video.videoWidth * scale, video.videoHeight * scale];
      context.drawImage(video, (width - across) / 2, (height - down) / 2, across, down);
    },
    stop() {
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

// Ingest is reached through the application's own server, so that the browser sees one origin.
export default {
  rewrites: async () => [
    { source: '/api/telemetry/:path*', destination: `${process.env.INGEST_URL}/api/telemetry/:path*` },
  ],
};

import { defineConfig } from "vite";

// Names without hashes: the built files are kept in the repository, and a browser asks each time.
const names = {
  entryFileNames: "assets/[name].js",
  chunkFileNames: "assets/[name].js",
  assetFileNames: "assets/[name][extname]",
};

export default defineConfig({
  base: "./",
  publicDir: false,
  logLevel: "error",
  resolve: { dedupe: ["react", "react-dom", "react-redux", "@emotion/react", "@emotion/styled", "@mui/material"] },
  build: {
    outDir: "../src/inferswarm/load/webui_files",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      // Thousands of files say "use client", which means nothing here.
      onwarn: (warning, tell) => warning.code !== "MODULE_LEVEL_DIRECTIVE" && tell(warning),
      input: ["index.html", "auth.html"], output: names,
    },
  },
});

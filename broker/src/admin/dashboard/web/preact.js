// Preact, its hooks, and HTML in template strings.

export { Component, html, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState }
  from './vendor/htm/standalone.module.js';

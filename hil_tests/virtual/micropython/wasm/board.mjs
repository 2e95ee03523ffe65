// A pilot board in MicroPython's webassembly port, where the unix port cannot be had.
//
// usage: node board.mjs MICROPYTHON.mjs FIRMWARE TARGET
// The current folder is the board's flash. BOARD="page=PATH,uart=FD" in the environment, as for the unix
// port: the file with the board's silicon (see ../target/page.py), and an inherited pty.
//
// The firmware is one plain loop, but this port collects garbage only while no Python runs, and its heap
// grows until then. Therefore the loop is a generator (firmware/main.py): each turn is one call from
// here, and what it would sleep for at its start is slept here, before it (../target/wasm/select.py).

import fs from 'node:fs';
import path from 'node:path';
import tty from 'node:tty';
import { pathToFileURL } from 'node:url';

const HEAP_BYTES = 200 * 1024; // to begin with: a limit it is not, this port's heap can grow
const COLLECT_EVERY_BYTES = 64 * 1024;
const UART_BYTES = 4096; // more than a turn can leave unread; the rest overruns
const PAGE_BYTES = 4 * 128;
const FLASH = '/flash';

const [port, firmware, target] = process.argv.slice(2);
const options = Object.fromEntries(process.env.BOARD.split(',').map((item) => item.split('=', 2)));

/** Monotonic milliseconds: the port takes its ticks from the wall clock, which may be set. */
const clock = () => Math.floor(performance.timeOrigin + performance.now());
Date.now = clock;

/** The page as words, read from the file before each turn; what `store` writes goes through at once. */
function openPage(file) {
  const fd = fs.openSync(file, 'r+');
  const bytes = Buffer.alloc(PAGE_BYTES);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, PAGE_BYTES / 4);
  const store = (word, value) => {
    words[word] = value;
    fs.writeSync(fd, bytes, 4 * word, 4, 4 * word);
  };
  return { words, store, refresh: () => fs.readSync(fd, bytes, 0, PAGE_BYTES, 0) };
}

/** The UART: bytes that arrive wait in `received`, bytes to send are collected until `send`. */
function openUart(fd, arrived) {
  const received = [];
  let sending = [];
  const stream = new tty.ReadStream(fd);
  stream.on('data', (bytes) => {
    for (const byte of bytes) if (received.length < UART_BYTES) received.push(byte);
    arrived();
  });
  for (const event of ['error', 'end']) stream.on(event, () => process.exit(0)); // the rig is gone
  return {
    pending: () => received.length,
    take: () => received.shift(),
    put: (byte) => { sending.push(byte); },
    send: () => {
      const frame = Buffer.from(sending);
      sending = [];
      try {
        fs.writeSync(fd, frame);
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error; // nobody reads the line: lost, as on a wire
      }
    },
  };
}

/** Copies the current folder's files in; what it returns copies those back that have changed. */
function openFlash(FS) {
  FS.mkdir(FLASH);
  FS.chdir(FLASH);
  const inFlash = (name) => name !== 'console.log' && !name.startsWith('.');
  const signOf = (name) => {
    const { size, mtime } = FS.stat(`${FLASH}/${name}`);
    return `${size} ${+mtime}`;
  };
  const saved = new Map();
  for (const name of fs.readdirSync('.').filter(inFlash)) {
    FS.writeFile(`${FLASH}/${name}`, fs.readFileSync(name));
    saved.set(name, signOf(name));
  }
  return () => {
    for (const name of FS.readdir(FLASH).filter(inFlash)) {
      const sign = signOf(name);
      if (saved.get(name) === sign) continue;
      saved.set(name, sign);
      fs.writeFileSync(`.${name}.new`, FS.readFile(`${FLASH}/${name}`));
      fs.renameSync(`.${name}.new`, name);
    }
  };
}

function copyModules(FS, from, to) {
  FS.mkdir(to);
  for (const name of fs.readdirSync(from))
    if (name.endsWith('.py')) FS.writeFile(`${to}/${name}`, fs.readFileSync(path.join(from, name)));
}

const print = (line) => { fs.writeSync(1, `${line}\n`); };
const { loadMicroPython } = await import(pathToFileURL(port).href);
const python = await loadMicroPython({ heapsize: HEAP_BYTES, stdout: print, stderr: print });
const page = openPage(options.page);
const save = openFlash(python.FS);
const parent = process.ppid;
let timer = null;
let wakeAt = 0;

const uart = openUart(+options.uart, () => turn());
python.registerJsModule('_hw', {
  words: page.words,
  store: page.store,
  pending: uart.pending,
  take: uart.take,
  put: uart.put,
  send: uart.send,
  sleep: (timeout_ms) => { wakeAt = clock() + timeout_ms; },
  orphaned: () => process.ppid !== parent,
  leave: (status) => { save(); process.exit(status); },
});
copyModules(python.FS, firmware, '/firmware');
copyModules(python.FS, target, '/target');
copyModules(python.FS, path.join(target, 'wasm'), '/target/wasm');
page.refresh();
python.runPython(`
import gc, sys
gc.threshold(${COLLECT_EVERY_BYTES})
sys.path[:] = ['/firmware', '/target/wasm', '/target', '.frozen']
import main
_turns = main.run()
def turn():
    next(_turns)
`);
const turnOfFirmware = python.globals.get('turn');

function turn() {
  clearTimeout(timer);
  page.refresh();
  turnOfFirmware();
  save();
  timer = setTimeout(wake, uart.pending() ? 0 : Math.max(1, wakeAt - clock()));
}

/** Timers may ring a little early; the firmware counts on having slept. */
function wake() {
  if (clock() < wakeAt && !uart.pending()) timer = setTimeout(wake, 1);
  else turn();
}

turn();

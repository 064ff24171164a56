/** The endpoint for collectors: what it serves, what it refuses, and that nobody can hold it up. */
import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { AtollError } from '../../src/base/errors.ts'
import { isLoopback, parseMetricsAddress } from '../../src/daemon/metrics-address.ts'
import {
  type MetricsEndpoint,
  type MetricsEndpointOptions,
  openMetricsEndpoint,
} from '../../src/daemon/metrics-endpoint.ts'
import { until } from '../rpc/rig.ts'

const TEXT = '# TYPE atoll_x gauge\natoll_x 1\n'

describe('metrics address', () => {
  it('is an address of this machine and a port', () => {
    assert.deepEqual(parseMetricsAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 })
    assert.deepEqual(parseMetricsAddress('[::1]:0'), { host: '::1', port: 0 })
    assert.deepEqual(parseMetricsAddress('localhost:1'), { host: 'localhost', port: 1 })
    const wrong = ['', '9464', ':9464', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '::1:9464']
    wrong.push('example.org:9464', '[127.0.0.1]:1', '127.0.0.1:-1', '127.0.0.1:9464/x', '[]:1')
    for (const text of wrong) assert.equal(parseMetricsAddress(text), null, text)
  })

  it('is loopback or not', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      assert.ok(isLoopback({ host, port: 1 }), host)
    }
    for (const host of ['0.0.0.0', '::', '192.168.0.1', '::ffff:127.0.0.1']) {
      assert.ok(!isLoopback({ host, port: 1 }), host)
    }
  })
})

describe('metrics endpoint', () => {
  const logged: string[] = []
  const log = {
    write: (_level: string, event: string) => void logged.push(event),
    allows: () => false,
  }
  const open: MetricsEndpoint[] = []
  const sockets: Socket[] = []

  async function serve(options: Partial<MetricsEndpointOptions> = {}): Promise<MetricsEndpoint> {
    const address = { host: '127.0.0.1', port: 0 }
    const text = () => Promise.resolve(TEXT)
    const endpoint = await openMetricsEndpoint({ address, text, log, ...options })
    open.push(endpoint)
    return endpoint
  }

  /** Writes these bytes; what comes back once the other side has closed. */
  async function exchange(endpoint: MetricsEndpoint, bytes: string | Uint8Array): Promise<string> {
    const socket = dial(endpoint)
    socket.write(bytes)
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    await until(() => socket.destroyed, 'the end of the connection')
    return answer
  }

  function dial(endpoint: MetricsEndpoint): Socket {
    const socket = connect(Number(new URL(endpoint.url).port), '127.0.0.1')
    socket.on('error', () => undefined)
    sockets.push(socket)
    return socket
  }

  beforeEach(() => void logged.splice(0))
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(open.splice(0).map((endpoint) => endpoint.close()))
  })

  it('answers GET /metrics with the text, in the type that Prometheus asks for', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}?name=x`)
    assert.equal(response.status, 200)
    assert.equal(await response.text(), TEXT)
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    assert.equal(response.headers.get('content-type'), type)
    assert.deepEqual(logged, ['daemon.metrics'])
  })

  it('answers nothing else', async () => {
    const endpoint = await serve()
    const requests = [
      ['GET', '/'],
      ['GET', '/metrics/'],
      ['GET', '/../metrics'],
      ['GET', '//metrics'],
      ['HEAD', '/metrics'],
      ['POST', '/metrics'],
      ['DELETE', '/metrics'],
      ['OPTIONS', '*'],
    ]
    for (const [method = '', path = ''] of requests) {
      const answer = await exchange(endpoint, `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      assert.match(answer, /^HTTP\/1.1 404 /, `${method} ${path}`)
      assert.ok(!answer.includes('atoll_x'))
    }
  })

  it('survives what is no request', async () => {
    const endpoint = await serve()
    const garbage = [
      '\r\n\r\n\r\n\0\0\0',
      new Uint8Array(65_536).fill(0xff),
      'GET /metrics',
      'GET /metrics HTTP/9.9\r\n\r\n',
      `GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n',
      'CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ]
    for (const bytes of garbage) {
      const socket = dial(endpoint)
      socket.resume().end(bytes)
      await until(() => socket.destroyed, 'the end of the connection')
    }
    assert.equal(await (await fetch(endpoint.url)).text(), TEXT)
  })

  it('gives up whoever says nothing, is slow to ask, or does not read', async () => {
    const big = 'x'.repeat(32 * 1024 * 1024)
    const endpoint = await serve({ connectionMs: 100, text: () => Promise.resolve(big) })
    const mute = dial(endpoint)
    const slow = dial(endpoint)
    slow.write('GET /metrics HTTP/1.1\r\nHos')
    const deaf = dial(endpoint)
    deaf.pause()
    deaf.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    for (const socket of [mute, slow]) socket.resume()
    await until(() => mute.destroyed && slow.destroyed, 'the end of the mute and the slow one')
    deaf.resume()
    await until(() => deaf.destroyed, 'the end of the deaf one')
    assert.ok(deaf.bytesRead < big.length, 'it was cut off')
  })

  it('takes a few connections at a time, and more when those are gone', async () => {
    const endpoint = await serve()
    const held = Array.from({ length: 16 }, () => dial(endpoint))
    await until(() => held.every((socket) => !socket.connecting), 'connections')
    await until(() => endpoint.connections === 16, 'sixteen are held')
    const extra = dial(endpoint)
    await until(() => extra.destroyed, 'the end of one too many')
    assert.ok(held.every((socket) => !socket.destroyed))
    for (const socket of held) socket.destroy()
    await until(() => endpoint.connections === 0, 'they are gone')
    assert.equal((await fetch(endpoint.url)).status, 200)
  })

  it('says that it is too early, and tells a defect to the log alone', async () => {
    const early = await serve({ text: () => Promise.reject(new AtollError('BUSY', 'coming up')) })
    const response = await fetch(early.url)
    assert.deepEqual([response.status, await response.text()], [503, 'coming up\n'])
    const broken = await serve({ text: () => Promise.reject(new Error('secret')) })
    const failed = await fetch(broken.url)
    assert.equal(failed.status, 500)
    assert.ok(!(await failed.text()).includes('secret'))
    assert.ok(logged.includes('daemon.metrics-failed'))
  })

  it('says that a port is taken, and that an address is not here', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = other.address() as AddressInfo
      const taken = serve({ address: { host: '127.0.0.1', port } })
      await assert.rejects(taken, { code: 'ADDRESS_IN_USE', message: /the port is taken/ })
    } finally {
      other.close()
    }
    const away = serve({ address: { host: '192.0.2.1', port: 0 } })
    await assert.rejects(away, { code: 'CONFIG_INVALID' })
  })

  it('warns when others than this machine can read it', async () => {
    await serve({ address: { host: '0.0.0.0', port: 0 } })
    assert.deepEqual(logged, ['daemon.metrics', 'daemon.metrics-open'])
  })

  it('ends at once, whoever is connected', async () => {
    const endpoint = await serve()
    const mute = dial(endpoint)
    await until(() => endpoint.connections === 1, 'the connection')
    const { url } = endpoint
    await endpoint.close()
    mute.resume()
    await until(() => mute.destroyed, 'the end of the connection')
    await assert.rejects(fetch(url))
  })
})

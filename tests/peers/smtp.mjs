// A mail server for tests. Prints a line of JSON when it listens, {"port": …}, and one for each letter that it took.
//
// SMTP_PORT      where it listens; without it at any free port
// SMTP_TLS       "starttls" or "tls"; without it there is none
// SMTP_CERT, SMTP_KEY          PEM files, for both
// SMTP_USER, SMTP_PASSWORD     what it wants of those who send, if anything
//
// Recipients decide what happens: nobody@… is refused for good, full@… for the moment, and once@… for the moment
// the first time. It ends when its standard input does.
import { readFileSync } from 'node:fs';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const { SMTP_PORT, SMTP_TLS, SMTP_CERT, SMTP_KEY, SMTP_USER, SMTP_PASSWORD } = process.env;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });
const seen = new Set();

const server = new SMTPServer({
  secure: SMTP_TLS === 'tls',
  ...(SMTP_CERT && { cert: readFileSync(SMTP_CERT), key: readFileSync(SMTP_KEY) }),
  disabledCommands: [...(SMTP_TLS ? [] : ['STARTTLS']), ...(SMTP_USER ? [] : ['AUTH'])],
  authOptional: !SMTP_USER,
  onAuth({ username, password }, session, done) {
    const isKnown = username === SMTP_USER && password === SMTP_PASSWORD;
    done(isKnown ? null : refusal(535, 'who are you?'), { user: username });
  },
  onRcptTo({ address }, session, done) {
    const name = address.split('@')[0];
    const isFirst = !seen.has(address);
    seen.add(address);
    if (name === 'nobody') return done(refusal(550, 'nobody of this name is here'));
    if (name === 'full' || (name === 'once' && isFirst)) return done(refusal(452, 'no room just now'));
    return done();
  },
  onData(stream, session, done) {
    simpleParser(stream).then((letter) => {
      say({
        from: letter.from.text,
        to: letter.to.text,
        subject: letter.subject,
        message_id: letter.messageId,
        auto_submitted: letter.headers.get('auto-submitted'),
        text: letter.text,
        html: letter.html,
        tls: session.secure,
        user: session.user ?? null,
      });
      done();
    }, done);
  },
});
// Clients that end a conversation early, as those do who don't trust the certificate.
server.on('error', (error) => process.stderr.write(`${error.message}\n`));
const listening = server.listen(Number(SMTP_PORT ?? 0), '127.0.0.1', () => say({ port: listening.address().port }));
process.stdin.resume().on('end', () => process.exit(0));

package dev.matriarch.ctl;

import dev.matriarch.tls.LiveTls;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.GeneralSecurityException;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** A port that hears somebody out up to some point, and then cuts the connection without a word. */
final class CuttingDoor implements AutoCloseable {
    /** Up to where a visitor gets before the connection is cut. */
    interface Reception {
        void of(Socket visitor) throws IOException, GeneralSecurityException;
    }

    private final ServerSocket door;
    private final Reception reception;
    private final boolean reset;

    /** @param reset true: by a reset, in which words on the way are lost; false: by an end of the stream */
    CuttingDoor(Reception reception, boolean reset) throws IOException {
        this.reception = reception;
        this.reset = reset;
        door = new ServerSocket(0, 10, InetAddress.getByName("127.0.0.1"));
        Thread.ofVirtual().start(this::receive);
    }

    /** Until the first bytes have come. */
    static Reception untilItSpeaks() {
        return visitor -> visitor.getInputStream().read(new byte[64 << 10]);
    }

    /** Until TLS is agreed on, as far as a client sees. */
    static Reception untilTls(LiveTls own) {
        return visitor -> {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(new KeyManager[] {own.keyManager()}, null, null);
            SSLSocket secured = (SSLSocket) context.getSocketFactory()
                    .createSocket(visitor, visitor.getInetAddress().getHostAddress(), visitor.getPort(), false);
            secured.setUseClientMode(false);
            SSLParameters parameters = secured.getSSLParameters();
            parameters.setApplicationProtocols(new String[] {"h2"});
            secured.setSSLParameters(parameters);
            secured.startHandshake();
        };
    }

    /** Until a question comes from somebody who has been greeted as HTTP/2 wants it. */
    static Reception untilAQuestion() {
        return visitor -> {
            visitor.getOutputStream().write(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0});
            DataInputStream in = new DataInputStream(visitor.getInputStream());
            in.readNBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length());
            int type;
            do {
                int length = in.readUnsignedShort() << 8 | in.readUnsignedByte();
                type = in.readUnsignedByte();
                in.readNBytes(5 + length);
            } while (type != 1);
        };
    }

    private void receive() {
        while (!door.isClosed()) {
            try (Socket visitor = door.accept()) {
                visitor.setSoTimeout(20_000);
                reception.of(visitor);
                if (reset) {
                    visitor.setSoLinger(true, 0);
                } else {
                    // With unread bytes an end would be a reset, too.
                    visitor.shutdownOutput();
                    InputStream rest = visitor.getInputStream();
                    while (rest.read() >= 0) {
                        // Nobody wants to know.
                    }
                }
            } catch (IOException | GeneralSecurityException e) {
                // The visitor went first; the test sees what it was told.
            }
        }
    }

    String endpoint() {
        return "127.0.0.1:" + door.getLocalPort();
    }

    @Override
    public void close() throws IOException {
        door.close();
    }
}

package dev.matriarch.ctl;

import com.samskivert.mustache.Mustache;
import com.samskivert.mustache.MustacheException;
import com.samskivert.mustache.Template;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A Mustache template out of a file. A name that the facts do not have is an error, and no gap in what is written. */
final class FileTemplate {
    private static final String LEADER = "leader";

    private final Path file;
    private final Template template;

    /** @throws CtlException if the file cannot be read or is no template */
    FileTemplate(Path file) {
        this.file = file;
        try {
            template = Mustache.compiler()
                    .escapeHTML(false)
                    .strictSections(true)
                    .emptyStringIsFalse(true)
                    .compile(Files.readString(file, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw CtlException.usage("the template " + file + " cannot be read: " + e);
        } catch (MustacheException e) {
            throw CtlException.usage("the template " + file + " is no Mustache: " + e.getMessage());
        }
    }

    /**
     * @param facts of {@link TemplateFacts}
     * @throws CtlException with code 1 if the template needs the leader and there is none now, with 2 if it names what is not known
     */
    String text(Map<String, Object> facts) {
        try {
            return template.execute(facts);
        } catch (MustacheException.Context e) {
            if (!facts.containsKey(LEADER) && (e.key.equals(LEADER) || e.key.startsWith(LEADER + "."))) {
                throw CtlException.refused(
                        facts.get("cluster") + " has no leader at the moment, and " + file + " needs it");
            }
            throw CtlException.usage("the template " + file + " names '" + e.key + "' in line " + e.lineNo
                    + ", which is not known there: docs/matriarchctl.md lists the names");
        } catch (MustacheException e) {
            throw CtlException.usage("the template " + file + ": " + e.getMessage());
        }
    }
}
